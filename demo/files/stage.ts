/** The stage of the files: two devices, and the tree that the server holds. */
import { byId, h, keyed, sizeOf } from '../parts/dom.ts'
import { stage } from '../parts/stage.ts'
import type { FilesSeen } from '../sandbox/shares.ts'

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
  // What is in a folder comes right after it.
  const order = ({ path }: FilesSeen['entries'][number]) => path.replaceAll('/', '\0')
  show([...entries].sort((one, other) => (order(one) < order(other) ? -1 : 1)))
  const count = (kind: 'file' | 'folder') => {
    const all = entries.filter(one => one.kind === kind).length
    return all === 1 ? `1 ${kind}` : `${all} ${kind}s`
  }
  byId('server-says').textContent = `${count('file')}, ${count('folder')}`
})
