/** Words that mean something to a coordinator, or hurt somebody's parser. */
const words = [
  '', 'local', 'random', 'none', 'erlang-mesh', 'host', 'Sleepers', 'laptop', 'fam-', 'fam-aaaaaaaaaaaa', 'node-aaaaaaaaaaaa', 'host-aaaaaaaaaaaa', 'op-aaaaaaaaaaaa',
  'rel-aaaaaaaaaaaa', 'a'.repeat(64), 'b'.repeat(5_000), '../../etc/passwd', '/etc/passwd', '{{node.name}}', '{{#x}}', '__proto__', 'constructor', 'toString',
  '\u0000', '\u001b[2J', '\ufffd', 'é', '-1', '1e309', '0x10', '%s%n', "'; drop table nodes; --", '<script>', 'wo1.a.b.c', 'tcp:1:2', '$(id)', 'a=b', '*',
];
const numbers = [0, 1, -1, 2, 100, 65_535, 65_536, 2 ** 31 - 1, 2 ** 31, -(2 ** 31), 2 ** 53, 1e300, NaN, Infinity, 0.5];

/** Hostile bytes of every kind, the same for the same random numbers. */
export class Fuzzer {
  constructor(private readonly random: () => number) {}

  below(limit: number): number {
    return Math.floor(this.random() * limit);
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  bytes(most: number): Buffer {
    return Buffer.from(Array.from({ length: this.below(most) }, () => this.below(256)));
  }

  word(): string {
    return this.below(4) === 0 ? this.bytes(40).toString('latin1') : this.pick(words);
  }

  /** The bytes with a few of them flipped, cut, doubled or moved. */
  mutated(bytes: Buffer): Buffer {
    let result = Buffer.from(bytes);
    for (let times = 1 + this.below(4); times > 0; times -= 1) {
      const at = this.below(result.length + 1);
      switch (this.below(5)) {
        case 0:
          if (at < result.length) result[at]! ^= 1 << this.below(8);
          break;
        case 1:
          result = result.subarray(0, at);
          break;
        case 2:
          result = Buffer.concat([result.subarray(0, at), this.bytes(16), result.subarray(at)]);
          break;
        case 3:
          result = Buffer.concat([result, result.subarray(at)]);
          break;
        default:
          result = Buffer.concat([result.subarray(at), result.subarray(0, at)]);
      }
    }
    return result.subarray(0, 256 * 1024);
  }

  /** A well-formed message of protobuf with fields of all types, nested. */
  message(depth = 3): Buffer {
    return Buffer.concat(Array.from({ length: this.below(6) }, () => this.field(depth)));
  }

  private field(depth: number): Buffer {
    const number = 1 + this.below(this.below(8) === 0 ? 500 : 9);
    const kind = this.below(8);
    if (kind < 2) return Buffer.concat([varint(BigInt(number) << 3n), varint(this.pick([0n, 1n, 2n, 3n, 4n, 100n, 2n ** 31n, 2n ** 63n, 2n ** 64n - 1n]))]);
    if (kind === 2) return Buffer.concat([varint((BigInt(number) << 3n) | 1n), Buffer.from(Array.from({ length: 8 }, () => this.below(256)))]);
    const contents = kind < 5 && depth > 0 ? this.message(depth - 1) : Buffer.from(this.word());
    return Buffer.concat([varint((BigInt(number) << 3n) | 2n), varint(BigInt(contents.length)), contents]);
  }

  /** JSON of the shape of this example, with values of all kinds. */
  json(example: object): unknown {
    return Object.fromEntries(Object.keys(example).filter(() => this.below(4) > 0).concat(this.below(5) === 0 ? [this.word()] : []).map((key) => [key, this.value(3)]));
  }

  private value(depth: number): unknown {
    const kind = this.below(depth > 0 ? 9 : 6);
    if (kind < 3) return this.word();
    if (kind === 3) return this.pick(numbers);
    if (kind === 4) return this.pick([true, false, null]);
    if (kind === 5) return String(this.pick(numbers));
    if (kind === 6) return Array.from({ length: this.below(4) }, () => this.value(depth - 1));
    return Object.fromEntries(Array.from({ length: this.below(4) }, () => [this.pick(['name', 'id', 'pageSize', 'requestId', 'seconds', 'value', this.word()]), this.value(depth - 1)]));
  }

  /** The preface of HTTP/2 and some frames, with lengths, types, flags and streams that may lie. */
  http2(): Buffer {
    const frames = Array.from({ length: 1 + this.below(6) }, () => {
      const payload = this.bytes(64);
      const head = Buffer.alloc(9);
      head.writeUIntBE(this.below(6) === 0 ? this.below(2 ** 24) : payload.length, 0, 3);
      head.writeUInt8(this.below(this.below(4) === 0 ? 256 : 10), 3);
      head.writeUInt8(this.below(256), 4);
      head.writeUInt32BE(this.pick([0, 1, 3, 2, 2 ** 31 - 1, 2 ** 31]), 5);
      return Buffer.concat([head, payload]);
    });
    const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
    const settings = Buffer.from('000000040000000000', 'hex');
    return Buffer.concat([this.below(10) === 0 ? this.mutated(preface) : preface, this.below(10) === 0 ? Buffer.alloc(0) : settings, ...frames]);
  }
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>= 7n) {
    if (rest < 128n) return Buffer.from([...bytes, Number(rest)]);
    bytes.push(Number(rest & 127n) | 128);
  }
}
