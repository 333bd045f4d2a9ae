/** Rows of text under each other; long cells go on in the next line. */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  widths: readonly number[],
): string {
  const line = (cells: readonly string[]): string[] => {
    const wrapped = cells.map((cell, column) => wrap(cell, widths[column] ?? 20))
    const height = Math.max(...wrapped.map(lines => lines.length))
    return Array.from({ length: height }, (_, at) =>
      wrapped
        .map((lines, column) => (lines[at] ?? '').padEnd(widths[column] ?? 20))
        .join('  ')
        .trimEnd(),
    )
  }
  const rule = widths.map(width => '-'.repeat(width)).join('  ')
  return [...line(head), rule, ...rows.flatMap(line)].map(text => `  ${text}`).join('\n')
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  for (const part of text.split('\n')) {
    let line = ''
    for (const word of part.split(' ')) {
      if (line !== '' && line.length + 1 + word.length > width) {
        lines.push(line)
        line = ''
      }
      line += `${line === '' ? '' : ' '}${word}`
    }
    lines.push(line)
  }
  return lines
}
