/** Addresses that the web phone dials: the server's own one, with another number in it. */

/** "sip:100@host;x=y" → "100" */
export function userOf(target: string): string {
  const found = /^sips?:([^@;?]+)@/.exec(target);
  return found?.[1] ? decodeURIComponent(found[1]) : "";
}

/** The same address with the number that was typed; only what a number is made of stays. */
export function dialled(target: string, number: string): string {
  const clean = number.replace(/[^0-9A-Za-z+*#_-]/g, "");
  if (!clean || clean === userOf(target)) return target;
  return target.replace(/^(sips?:)[^@;?]+@/, (_, scheme: string) => `${scheme}${encodeURIComponent(clean)}@`);
}
