/** The stage of the files: two devices, and the tree that the server holds. */
import { byId, h, keyed, sizeOf } from '../parts/dom.ts'
import { stage } from '../parts/stage.ts'
import type { FilesSeen } from '../sandbox/shares.ts'

const { compare } = new Intl.Collator(undefined, { numeric: true })
const { watch } = await stage('files', 'Files', ['slow', 'narrow', 'refuse', 'lose', 'deaf'])

const show = keyed<FilesSeen['entries'][number]>(
  byId('server-holds'),
  ({ id }) => id,
  () => {
    const name = h('span')
    const size = h('span', { className: 'amount' })
    const element = h('li', { className: 'line' }, name, size)
    return {
      element,
      show({ path, kind, size: bytes }) {
        const parts = path.split('/').slice(1)
        element.ariaLevel = String(parts.length)
        element.style.setProperty('--depth', String(parts.length - 1))
        name.textContent = `${parts.at(-1)}${kind === 'folder' ? '/' : ''}`
        size.textContent = bytes === null ? '' : sizeOf(bytes)
      },
    }
  },
)

watch<FilesSeen>(({ entries }) => {
  show([...entries].sort(byPath))
  const count = (kind: 'file' | 'folder') => {
    const all = entries.filter(one => one.kind === kind).length
    return all === 1 ? `1 ${kind}` : `${all} ${kind}s`
  }
  byId('server-says').textContent = `${count('file')}, ${count('folder')}`
})

/** What is in a folder comes right after it. */
function byPath(one: { readonly path: string }, other: { readonly path: string }): number {
  const [mine, theirs] = [one.path.split('/'), other.path.split('/')]
  const at = mine.findIndex((name, depth) => name !== theirs[depth])
  return at < 0 ? -1 : compare(mine[at] ?? '', theirs[at] ?? '')
}
