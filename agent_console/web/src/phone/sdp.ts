/**
 * With opus, a digit sent on the 8 kHz telephone-event clock arrives shorter than it was
 * (the sender counts opus's 48 kHz). Where the 48 kHz clock is offered as well, only that
 * one is left.
 */
export function withoutSlowDigits(sdp: string): string {
  const lines = sdp.split("\r\n");
  const has = (pattern: RegExp): boolean => lines.some((line) => pattern.test(line));
  if (!has(/^a=rtpmap:\d+ opus\/48000/i)) return sdp;
  const slow = lines.flatMap((line) => {
    const found = /^a=rtpmap:(\d+) telephone-event\/8000/i.exec(line);
    return found?.[1] ? [found[1]] : [];
  });
  if (!slow.length || !has(/^a=rtpmap:\d+ telephone-event\/48000/i)) return sdp;
  return lines
    .filter((line) => !slow.some((type) => new RegExp(`^a=(rtpmap|fmtp|rtcp-fb):${type} `).test(line)))
    .map((line) => (line.startsWith("m=audio ") ? withoutTypes(line, slow) : line))
    .join("\r\n");
}

function withoutTypes(line: string, types: readonly string[]): string {
  const parts = line.split(" ");
  return [...parts.slice(0, 3), ...parts.slice(3).filter((type) => !types.includes(type))].join(" ");
}
