/** A form with files, as bytes: `FormData` would be read back outside of what a simulator can hold. */
export type FormPart =
  | { readonly name: string; readonly text: string }
  | {
      readonly name: string
      readonly file: { readonly name: string; readonly mime: string; readonly bytes: Uint8Array }
    }

export function multipart(
  parts: readonly FormPart[],
  boundary: string,
): { readonly bytes: Uint8Array; readonly type: string } {
  const text = (of: string) => new TextEncoder().encode(of)
  const pieces = parts.flatMap(part => {
    const head = `--${boundary}\r\ncontent-disposition: form-data; name="${part.name}"`
    if ('text' in part) return [text(`${head}\r\n\r\n${part.text}\r\n`)]
    const { name, mime, bytes } = part.file
    return [text(`${head}; filename="${quoted(name)}"\r\ncontent-type: ${mime}\r\n\r\n`), bytes, text('\r\n')]
  })
  pieces.push(text(`--${boundary}--\r\n`))
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0))
  let at = 0
  for (const piece of pieces) {
    bytes.set(piece, at)
    at += piece.length
  }
  return { bytes, type: `multipart/form-data; boundary=${boundary}` }
}

/** As the HTML standard says it. */
const quoted = (name: string): string => name.replaceAll('\r', '%0D').replaceAll('\n', '%0A').replaceAll('"', '%22')
