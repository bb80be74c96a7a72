import type { Words } from "../words/en";

/** Why the browser phone does not work; each has its explanation in the catalogue. */
export type Problem = keyof Words["phone"]["problems"];

export class PhoneProblem extends Error {
  constructor(readonly problem: Problem) {
    super(problem);
  }
}
