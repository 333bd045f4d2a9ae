/** Entries, and files from elsewhere, can be dropped on a folder; what the buttons do, with a mouse. */
import { act } from '../parts/dom.ts'

const type = 'application/x-tidemark-entry'

export function draggable(element: HTMLElement, id: string): void {
  element.draggable = true
  element.ondragstart = ({ dataTransfer }) => dataTransfer?.setData(type, id)
}

export interface Drops {
  move(id: string, parent: string): Promise<void>
  upload(files: readonly File[], parent: string): Promise<void>
}

export function dropsInto(place: HTMLElement, folder: string, { move, upload }: Drops): void {
  const over = (event: DragEvent, is: boolean) => {
    event.preventDefault()
    event.stopPropagation()
    place.classList.toggle('over', is)
  }
  place.ondragover = event => over(event, true)
  place.ondragleave = event => over(event, false)
  place.ondrop = event => {
    over(event, false)
    const { dataTransfer } = event
    const id = dataTransfer?.getData(type)
    void act(() => (id ? move(id, folder) : upload([...(dataTransfer?.files ?? [])], folder)))
  }
}
