// Pace: the board's time does not run ahead of the host's, and catches up little of what it lost.

const LAG_NANOS = 150e6;

export class Pace {
  constructor() {
    this.speed = 1; // nanoseconds of the board in one of the host's
    this.start = Pace.#now();
  }

  static #now() {
    return Number(process.hrtime.bigint());
  }

  /** Let the board's time run `speed` times as fast as the host's from now on. */
  setSpeed(speed, nanos) {
    this.speed = speed;
    this.start = Pace.#now() - nanos / speed;
  }

  /** How far a board that has lived `nanos` may run, in nanoseconds of its life. */
  limit(nanos) {
    const due = (Pace.#now() - this.start) * this.speed;
    const lag = due - nanos;
    if (lag <= LAG_NANOS) return due;
    this.start += (lag - LAG_NANOS) / this.speed;
    return nanos + LAG_NANOS;
  }
}
