// Where the picture lies on its canvas, and from the surface's coordinates to pixels and back.

export class Frame {
  constructor(width, height, box, margins) {
    Object.assign(this, { width, height, box, ...margins });
    this.inner = { width: width - margins.left - margins.right, height: height - margins.top - margins.bottom };
  }
  toX = (x) => this.left + ((x - this.box[0]) / (this.box[1] - this.box[0])) * this.inner.width;
  toY = (y) => this.top + this.inner.height - ((y - this.box[2]) / (this.box[3] - this.box[2])) * this.inner.height;
  fromX = (px) => this.box[0] + ((px - this.left) / this.inner.width) * (this.box[1] - this.box[0]);
  fromY = (py) => this.box[2] + ((this.top + this.inner.height - py) / this.inner.height) * (this.box[3] - this.box[2]);
  holds = (px, py) => px >= this.left && py >= this.top && px <= this.left + this.inner.width && py <= this.top + this.inner.height;

  /** Keep what follows inside the picture. */
  clip(context) {
    context.beginPath();
    context.rect(this.left, this.top, this.inner.width, this.inner.height);
    context.clip();
  }
}

/** A canvas brought to the size it is shown at, in device pixels; drawing is in CSS pixels. */
export function fitted(canvas, width, height, scale = Math.min(devicePixelRatio || 1, 2)) {
  const [w, h] = [Math.round(width * scale), Math.round(height * scale)];
  if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
  const context = canvas.getContext("2d");
  context.setTransform(scale, 0, 0, scale, 0, 0);
  return context;
}
