/** Bytes that nobody has to keep: any part of a body is computed from its seed, on both sides of the wire. */
const block = 64 * 1024

/** The bytes in `[from, to)` of the body with this seed. */
export function bytesOf(seed: number, from: number, to: number): Uint8Array {
  const first = Math.floor(from / block)
  const blocks = Math.max(0, Math.ceil(to / block) - first)
  const words = new Uint32Array((blocks * block) / 4)
  for (let at = 0; at < blocks; at++) {
    // xorshift32, begun anew in each block, so that each can be made without those before it.
    let state = (Math.imul(first + at + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b)) >>> 0 || 1
    for (let word = (at * block) / 4; word < ((at + 1) * block) / 4; word++) {
      state ^= state << 13
      state ^= state >>> 17
      state ^= state << 5
      words[word] = state
    }
  }
  return new Uint8Array(words.buffer).subarray(from - first * block, Math.max(from, to) - first * block)
}

export function* stream(seed: number, size: number, piece = 256 * 1024): Generator<Uint8Array, void, void> {
  for (let at = 0; at < size; at += piece) yield bytesOf(seed, at, Math.min(at + piece, size))
}
