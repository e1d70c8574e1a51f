/** Just enough of the protobuf encoding to find the parts of a message without decoding them. Knows no message. */

/** Reads varints and lengths from bytes, from front to back. */
export class Reader {
  /** Where it is, in bytes. */
  at: number;

  constructor(
    readonly bytes: Uint8Array,
    at = 0,
  ) {
    this.at = at;
  }

  /** Whether something is left. */
  get more(): boolean {
    return this.at < this.bytes.length;
  }

  /** The next varint, as a number: exact up to 2^53, which no `seq` reaches. Throws RangeError where the bytes end within it. */
  varint(): number {
    let value = 0;
    let scale = 1;
    for (;;) {
      const byte = this.bytes[this.at++];
      if (byte === undefined) throw new RangeError("the message ends within a number");
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) return value;
      scale *= 128;
    }
  }

  /** The bytes of the next length-delimited field: a view, not a copy. */
  delimited(): Uint8Array {
    const length = this.varint();
    const end = this.at + length;
    if (end > this.bytes.length) throw new RangeError("the message ends within a field");
    const part = this.bytes.subarray(this.at, end);
    this.at = end;
    return part;
  }

  /** Steps over a field's value. `type` is the wire type of its tag. */
  skip(type: number): void {
    if (type === 0) this.varint();
    else if (type === 2) this.delimited();
    else if (type === 1) this.at += 8;
    else if (type === 5) this.at += 4;
    else throw new RangeError(`wire type ${type} is none of the contract's`);
  }
}
