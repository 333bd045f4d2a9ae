/** The stage of the notes: two devices, and the notes that the server holds. */
import { byId, h, keyed } from '../parts/dom.ts'
import { stage } from '../parts/stage.ts'
import type { NotesSeen } from '../sandbox/shares.ts'

const { watch } = await stage('notes', 'Notes', ['slow', 'refuse', 'lose', 'deaf'])

const show = keyed<NotesSeen['notes'][number]>(
  byId('server-holds'),
  ({ id }) => id,
  () => {
    const title = h('strong')
    const text = h('p')
    return {
      element: h('li', {}, title, text),
      show({ value }) {
        title.textContent = value.title || 'Untitled'
        text.textContent = value.text ?? ''
      },
    }
  },
)

watch<NotesSeen>(({ notes }) => {
  show(notes)
  byId('server-says').textContent = notes.length === 1 ? '1 note' : `${notes.length} notes`
})
