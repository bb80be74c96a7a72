import { expect, test } from "vitest";
import { withoutSlowDigits } from "../src/phone/sdp";
import { dialled, userOf } from "../src/phone/target";

const SDP = [
  "v=0",
  "m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110 126",
  "a=rtpmap:111 opus/48000/2",
  "a=fmtp:111 minptime=10;useinbandfec=1",
  "a=rtpmap:0 PCMU/8000",
  "a=rtpmap:8 PCMA/8000",
  "a=rtpmap:110 telephone-event/48000",
  "a=rtpmap:126 telephone-event/8000",
  "a=fmtp:126 0-16",
  "",
].join("\r\n");

test("with opus only the 48 kHz clock for digits is offered, as the other shortens them", () => {
  const sdp = withoutSlowDigits(SDP);
  expect(sdp).toContain("m=audio 9 UDP/TLS/RTP/SAVPF 111 0 8 110\r\n");
  expect(sdp).not.toContain("126");
  expect(sdp).toContain("telephone-event/48000");
});

test("without opus, or with only one clock, nothing is taken away", () => {
  const plain = SDP.replace("opus/48000/2", "G722/8000");
  expect(withoutSlowDigits(plain)).toBe(plain);
  const single = SDP.replace("a=rtpmap:110 telephone-event/48000\r\n", "");
  expect(withoutSlowDigits(single)).toBe(single);
});

test("the web phone dials what was typed, and nothing but a number gets into the address", () => {
  expect(userOf("sip:100@callcenter.invalid;transport=ws")).toBe("100");
  expect(dialled("sip:100@callcenter.invalid", "100")).toBe("sip:100@callcenter.invalid");
  expect(dialled("sip:100@callcenter.invalid", " (416) 555-0100")).toBe("sip:416555-0100@callcenter.invalid");
  expect(dialled("sip:100@callcenter.invalid", "1@evil.example;x\r\nVia: y")).not.toMatch(/@evil|\r|\n|;x/);
  expect(dialled("sip:100@callcenter.invalid", "***")).toBe("sip:***@callcenter.invalid");
});
