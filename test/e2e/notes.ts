/** Notes on two devices. */
import type { FrameLocator } from 'playwright-core'
import { test } from 'vitest'
import { online, patience, phase, seen, synced, type Visit } from './kit.ts'

const notes = (device: FrameLocator) => device.getByRole('region', { name: 'Notes' })
const title = (device: FrameLocator) => notes(device).getByLabel('Title', { exact: true })
const text = (device: FrameLocator) => notes(device).getByLabel('Text')
const values = async (device: FrameLocator) =>
  (await text(device).evaluateAll(fields => fields.map(field => (field as HTMLTextAreaElement).value))).sort()

async function noteOnBoth(laptop: FrameLocator, phone: FrameLocator): Promise<void> {
  await laptop.getByRole('button', { name: 'New note' }).click()
  await title(laptop).fill('Tides')
  await text(laptop).fill('High water 06:12')
  await synced(laptop)
  await seen(() => values(phone)).toEqual(['High water 06:12'])
}

/** Both change the same note without a network; the laptop comes back first. */
async function clash(laptop: FrameLocator, phone: FrameLocator): Promise<void> {
  for (const device of [laptop, phone]) await online(device, false)
  await text(laptop).fill('06:30, says the laptop')
  await text(phone).fill('06:45, says the phone')
  for (const device of [laptop, phone]) await phase(device, 'waiting')
  await online(laptop, true)
  await synced(laptop)
  await online(phone, true)
}

export function notesTests({ page, afresh }: Visit): void {
  test(
    'what two devices change without a network is kept twice, and can be undone',
    async () => {
      const [laptop, phone] = await afresh('', 'KEEP_BOTH')
      await noteOnBoth(laptop, phone)
      await clash(laptop, phone)

      const both = ['06:30, says the laptop', '06:45, says the phone']
      for (const device of [laptop, phone]) await seen(() => values(device)).toEqual(both)
      await seen(() => page().locator('#server-holds li').count()).toBe(2)

      await phone.getByRole('button', { name: 'Undo' }).click()
      for (const device of [laptop, phone]) await seen(() => values(device)).toEqual(['06:45, says the phone'])
    },
    3 * patience,
  )

  test(
    'a question waits for its answer, and the answer reaches both',
    async () => {
      const [laptop, phone] = await afresh('', 'MANUAL')
      await noteOnBoth(laptop, phone)
      await clash(laptop, phone)

      await phase(phone, 'needs-user')
      await phone.getByRole('button', { name: 'Keep what is here' }).click()
      for (const device of [laptop, phone]) {
        await seen(() => values(device)).toEqual(['06:45, says the phone'])
        await synced(device)
      }
    },
    3 * patience,
  )

  test(
    'a device writes with no network, is reloaded, and still has it to send',
    async () => {
      const [laptop, phone] = await afresh('', 'MERGE')
      await online(phone, false)
      await phone.getByRole('button', { name: 'New note' }).click()
      await title(phone).fill('Written at sea')
      const outbox = phone.getByRole('region', { name: 'Outbox' }).getByRole('listitem')
      await outbox.waitFor()
      await page().reload()
      await seen(() => outbox.count()).toBe(1)
      await online(phone, true)
      await synced(phone)
      await seen(() => title(laptop).inputValue()).toBe('Written at sea')
    },
    3 * patience,
  )

  test(
    'a device that is paused keeps to itself, and goes on when it is told to',
    async () => {
      const [laptop, phone] = await afresh('', 'MERGE')
      await phone.getByRole('button', { name: 'Pause' }).click()
      await phase(phone, 'paused')
      await phone.getByRole('button', { name: 'New note' }).click()
      await title(phone).fill('Kept for later')
      await phone.getByText('1 to send').waitFor()
      await phone.getByRole('button', { name: 'Resume' }).click()
      await synced(phone)
      await seen(() => title(laptop).inputValue()).toBe('Kept for later')
    },
    3 * patience,
  )

  test(
    'with the keyboard alone: a note is written and deleted, and the focus stays in the list',
    async () => {
      const [laptop, phone] = await afresh('', 'MERGE')
      const add = laptop.getByRole('button', { name: 'New note' })
      const keyboard = page().keyboard
      for (const name of ['One', 'Two']) {
        await add.focus()
        await keyboard.press('Enter')
        const field = title(laptop).first()
        await seen(() =>
          field.evaluate(it => it === document.activeElement && (it as HTMLInputElement).value === ''),
        ).toBe(true)
        await keyboard.type(name)
        await synced(laptop)
      }
      await seen(() => title(phone).count()).toBe(2)
      await laptop.getByRole('button', { name: 'Delete' }).first().focus()
      await keyboard.press('Enter')
      await seen(() => title(laptop).count()).toBe(1)
      await seen(() => laptop.locator(':focus').getAttribute('aria-label')).toMatch(/^Delete /)
      await keyboard.press('Enter')
      await seen(() => title(phone).count()).toBe(0)
    },
    3 * patience,
  )
}
