/** What is in a file: fetched when somebody looks, edited where it is text. */
import { button, h, sizeOf } from '../parts/dom.ts'
import type { FilesDb } from './selection.ts'

/** A longer text is not for a text field. */
const longestText = 100_000

/** A function that opens a file in a dialog. */
export function viewer({ data: { entries }, remotes: { drive } }: FilesDb): (id: string) => Promise<void> {
  const dialog = h('dialog')
  document.body.append(dialog)

  return async id => {
    const row = await entries.get(id)
    if (row === undefined) return
    const { name, size = 0, sha256, mime = '' } = row
    const bar = h('progress', { label: 'Downloading' })
    const says = h('p', { className: 'quiet', role: 'status', textContent: 'Looking for it…' })
    const content = h('div')
    const buttons = h(
      'div',
      { className: 'buttons' },
      button('Close', () => dialog.close()),
    )
    dialog.ariaLabel = name
    dialog.replaceChildren(h('h2', { textContent: name }), says, bar, content, buttons)
    dialog.showModal()

    const ends: (() => void)[] = []
    dialog.onclose = () => {
      for (const end of ends) end()
    }
    ends.push(
      drive.transfers.subscribe(all => {
        const mine = all.find(one => one.direction === 'down' && one.sha256 === sha256)
        if (mine === undefined || bar.hidden) return
        bar.max = mine.size ?? 1
        if (mine.size !== undefined) bar.value = mine.done
        says.textContent = `${sizeOf(mine.done)} of ${sizeOf(size)} are here.`
      }),
    )

    try {
      const bytes = (await entries.read(id)) ?? new Uint8Array()
      bar.hidden = true
      says.textContent = `${sizeOf(bytes.length)}, and they have the hash that they should have.`
      const file = new Blob([bytes as Uint8Array<ArrayBuffer>], { type: mime })
      const url = URL.createObjectURL(file)
      ends.push(() => URL.revokeObjectURL(url))
      buttons.prepend(h('a', { href: url, download: name, textContent: 'Save to disk' }))
      if (mime.startsWith('image/')) content.append(h('img', { src: url, alt: name }))
      else if (isText(name, mime) && bytes.length <= longestText) edit(new TextDecoder().decode(bytes))
    } catch (error) {
      bar.hidden = true
      says.textContent = `${error instanceof Error ? error.message : error} It goes on by itself: open it again later.`
    }

    function edit(text: string): void {
      const field = h('textarea', { rows: 10, value: text, label: `What ${name} says` })
      const save = button('Save', async () => {
        await entries.write(id, new TextEncoder().encode(field.value))
        dialog.close()
      })
      content.append(field)
      buttons.prepend(save)
      field.focus()
      ends.push(
        entries.live(id).subscribe(now => {
          if (now?.sha256 === sha256) return
          save.disabled = true
          says.textContent = 'It was changed meanwhile: open it again to see how.'
        }),
      )
    }
  }
}

const isText = (name: string, mime: string) => mime.startsWith('text/') || /\.(txt|md|json|csv|ts|js)$/i.test(name)
