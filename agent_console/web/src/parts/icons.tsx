/** Line icons, drawn here: no icon font, nothing from outside. */
const paths = {
  headset: "M4 14v-2a8 8 0 0 1 16 0v2M4 14a2 2 0 0 1 2-2h1v6H6a2 2 0 0 1-2-2zm16 0a2 2 0 0 0-2-2h-1v6h1a2 2 0 0 0 2-2zm-1 4c0 1.700-2 3-5 3",
  phone: "M6.500 3.500 9 4l1.500 4-2 1.500a12 12 0 0 0 6 6l1.500-2 4 1.500.5 2.500c-.4 1.800-1.700 3-3.500 3A15 15 0 0 1 3.500 7c0-1.800 1.200-3.100 3-3.500z",
  hangUp: "M3 14.500c0-3 4-5.500 9-5.500s9 2.500 9 5.500l-.6 2.500-4.400-.8v-3a13 13 0 0 0-8 0v3L3.600 17z",
  mic: "M12 3a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0V6a3 3 0 0 1 3-3zM5.500 11a6.500 6.500 0 0 0 13 0M12 17.500V21",
  micOff: "M4 4l16 16M9 9v2a3 3 0 0 0 4.500 2.600M15 10.500V6a3 3 0 0 0-5.700-1.300M5.500 11a6.500 6.500 0 0 0 10 5.500M18.500 11a6.400 6.400 0 0 1-.6 2.700M12 17.500V21",
  pause: "M8 5v14M16 5v14",
  play: "M7 4.500v15l12-7.500z",
  keypad: "M6 5h.01M12 5h.01M18 5h.01M6 11h.01M12 11h.01M18 11h.01M6 17h.01M12 17h.01M18 17h.01",
  sun: "M12 8a4 4 0 1 1 0 8 4 4 0 0 1 0-8zM12 2.500v2M12 19.500v2M2.500 12h2M19.500 12h2M5.300 5.300l1.400 1.400M17.300 17.300l1.400 1.400M5.300 18.700l1.400-1.400M17.300 6.700l1.400-1.400",
  moon: "M20 14.500A8.500 8.500 0 0 1 9.500 4 8.500 8.500 0 1 0 20 14.500z",
  door: "M10 4H5v16h5M14 8l4 4-4 4M18 12H9",
  backspace: "M9 5h11v14H9l-6-7zM12 9.500l5 5M17 9.500l-5 5",
  sliders: "M4 7h10M18 7h2M4 17h2M10 17h10M16 5v4M8 15v4",
  screen: "M3.500 5h17v11h-17zM9 20h6M12 16v4",
} as const;

export function Icon({ name }: { name: keyof typeof paths }) {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">
      <path d={paths[name]} />
    </svg>
  );
}
