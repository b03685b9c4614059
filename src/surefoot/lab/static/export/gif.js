// GIF 89a: frames of palette indices, compressed by LZW.
//
// `palette` is at most 255 colours [r, g, b]; `frames` are Uint8Arrays of width * height, 255 where the frame before shows through;
// delays are hundredths of a second.
export const THROUGH = 255;

export function gif(width, height, palette, frames, delays) {
  const out = new Bytes();
  const bits = 8;
  out.text("GIF89a");
  out.short(width).short(height).byte(0xf0 | (bits - 1), 0, 0);
  for (let i = 0; i < 1 << bits; i++) out.byte(...(palette[i] ?? [0, 0, 0]));
  out.byte(0x21, 0xff, 11).text("NETSCAPE2.0").byte(3, 1, 0, 0, 0); // again and again
  frames.forEach((frame, i) => {
    out.byte(0x21, 0xf9, 4, 0x05).short(delays[i]).byte(THROUGH, 0);
    out.byte(0x2c).short(0).short(0).short(width).short(height).byte(0, bits);
    lzw(frame, bits, out);
  });
  return out.byte(0x3b).done();
}

function lzw(pixels, bits, out) {
  const clear = 1 << bits;
  const packer = new Packer(out);
  let codes = new Map();
  let size = bits + 1;
  let next = clear + 2;
  packer.put(clear, size);
  let run = pixels[0];
  for (let i = 1; i < pixels.length; i++) {
    const key = (run << 8) | pixels[i];
    const known = codes.get(key);
    if (known !== undefined) {
      run = known;
      continue;
    }
    packer.put(run, size);
    if (next === 4096) {
      packer.put(clear, size);
      codes = new Map();
      size = bits + 1;
      next = clear + 2;
    } else {
      if (next === 1 << size) size++;
      codes.set(key, next++);
    }
    run = pixels[i];
  }
  packer.put(run, size);
  packer.put(clear + 1, size);
  packer.end();
}

/** Codes of any number of bits into blocks of at most 255 bytes. */
class Packer {
  constructor(out) {
    Object.assign(this, { out, buffer: 0, held: 0, block: [] });
  }
  put(code, size) {
    this.buffer |= code << this.held;
    this.held += size;
    while (this.held >= 8) this.push();
  }
  push() {
    this.block.push(this.buffer & 255);
    this.buffer >>>= 8;
    this.held -= 8;
    if (this.block.length === 255) this.flush();
  }
  flush() {
    this.out.byte(this.block.length, ...this.block);
    this.block = [];
  }
  end() {
    if (this.held > 0) this.push();
    if (this.block.length) this.flush();
    this.out.byte(0);
  }
}

class Bytes {
  constructor() {
    this.data = new Uint8Array(1 << 16);
    this.length = 0;
  }
  byte(...values) {
    if (this.length + values.length > this.data.length) {
      const wider = new Uint8Array(this.data.length * 2);
      wider.set(this.data);
      this.data = wider;
    }
    for (const value of values) this.data[this.length++] = value;
    return this;
  }
  short(value) {
    return this.byte(value & 255, value >> 8);
  }
  text(value) {
    return this.byte(...[...value].map((c) => c.charCodeAt(0)));
  }
  done() {
    return this.data.slice(0, this.length);
  }
}
