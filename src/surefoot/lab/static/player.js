// Which step is shown: play, pause, step, scrub.

export class Player {
  constructor(last, onState) {
    Object.assign(this, { last, onState, step: 0, playing: false, speed: 30, before: 0 });
    this.calm = matchMedia("(prefers-reduced-motion: reduce)");
  }

  /** Show a step; the number of steps may have changed. */
  to(step, last = this.last) {
    this.last = last;
    this.step = Math.min(Math.max(step, 0), last);
  }

  by(steps) {
    this.pause();
    this.to(Math.round(this.step) + steps);
  }

  /** From the start, or at once at the end for those who asked for less motion. */
  begin() {
    if (this.calm.matches) return this.pause(), this.to(this.last);
    this.to(0);
    this.play();
  }

  play() {
    if (this.step >= this.last) this.to(0);
    this.playing = true;
    this.before = 0;
    this.onState(true);
  }

  pause() {
    this.playing = false;
    this.onState(false);
  }

  toggle() {
    if (this.playing) this.pause();
    else this.play();
  }

  /** One frame at a time in milliseconds. */
  frame(now) {
    if (!this.playing) return;
    const passed = this.before ? Math.min(now - this.before, 100) : 0;
    this.before = now;
    this.to(this.step + (passed * this.speed) / 1000);
    if (this.step >= this.last) this.pause();
  }
}
