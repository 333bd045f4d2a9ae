/** A record stream and a graph on two devices. */
import type { FrameLocator } from 'playwright-core'
import { test } from 'vitest'
import { online, patience, phase, seen, synced, type Visit } from './kit.ts'

const region = (device: FrameLocator, name: string) => device.getByRole('region', { name })
const values = (device: FrameLocator, name: string) =>
  device
    .getByLabel(name, { exact: true })
    .evaluateAll(fields => fields.map(field => (field as HTMLInputElement).value).sort())
const pumps = (device: FrameLocator) => values(device, 'Name')
const pipes = (device: FrameLocator) => region(device, 'Pumps and pipes').locator('.pipe').allTextContents()

export function cogniteTests({ page, afresh }: Visit): void {
  const server = () => page().locator('#server-holds li').allTextContents()
  const walks = () => page().locator('#walks tr').allTextContents()

  async function furnished() {
    const devices = await afresh('cognite.html', 'KEEP_BOTH')
    for (const device of devices) {
      await device.getByLabel('Level of North').waitFor()
      await device.getByLabel('Note of reading-1').waitFor()
      await synced(device)
    }
    return devices
  }

  test(
    'a stream and a graph are followed: edits, deletes, and the pipes of a pump that goes',
    async () => {
      const [laptop, phone] = await furnished()
      await laptop.getByLabel('Value of reading-1').fill('21')
      await laptop.getByLabel('Level of South').fill('9')
      await laptop.getByLabel('Pipe from South to').selectOption('West')
      for (const device of [laptop, phone]) {
        await seen(() => values(device, 'Value of reading-1')).toEqual(['21'])
        await seen(() => values(device, 'Level of South')).toEqual(['9'])
        await seen(() => pipes(device)).toEqual(['→ South×', '→ West×'])
      }
      await phone.getByRole('button', { name: 'Delete South' }).click()
      await phone.getByRole('button', { name: 'Delete reading-1' }).click()
      for (const device of [laptop, phone]) {
        await seen(() => pumps(device)).toEqual(['North', 'West'])
        await seen(() => pipes(device)).toEqual([])
        await region(device, 'Readings').getByText('No readings yet.').waitFor()
        await synced(device)
      }
      await seen(server).toEqual(['Northlevel 1', 'Westlevel 3'])
    },
    3 * patience,
  )

  test(
    'a cursor expires while a device is offline with changes of its own: it reads everything anew, and all are kept',
    async () => {
      const [laptop, phone] = await furnished()
      await seen(walks).toEqual(['laptop1 ×1 ×', 'phone1 ×1 ×'])
      await online(phone, false)
      await phone.getByLabel('Level of North').fill('7')
      await phone.getByLabel('Level of South').fill('8')
      await phone.getByLabel('Note of reading-1').fill('from the sea')
      await phone.getByRole('button', { name: 'New pump' }).click()
      for (const text of ['1 to send', '3 to send']) await phone.getByText(text).waitFor()
      await phase(phone, 'waiting')

      await laptop.getByLabel('Level of North').fill('3')
      await laptop.getByRole('button', { name: 'Delete South' }).click()
      await laptop.getByRole('button', { name: 'Delete West' }).click()
      await seen(server).toEqual(['reading-120.5', 'Northlevel 3'])

      const pass = page().getByRole('button', { name: 'Four days pass' })
      await pass.click()
      await page().locator('button:enabled', { hasText: 'Four days pass' }).waitFor()
      await online(phone, true)

      // Of North both are kept; the edit of South stays, though somebody deleted it; West is gone.
      for (const device of [laptop, phone]) {
        await seen(() => pumps(device)).toEqual(['North', 'North', 'Pump 4', 'South'])
        await seen(() => values(device, 'Level of North')).toEqual(['3', '7'])
        await seen(() => values(device, 'Level of South')).toEqual(['8'])
        await seen(() => values(device, 'Note of reading-1')).toEqual(['from the sea'])
        await synced(device)
      }
      await seen(server).toEqual([
        ...['reading-120.5 · from the sea', 'Northlevel 3', 'Northlevel 7', 'Pump 4level 0', 'Southlevel 8'],
      ])
      await seen(walks).toEqual(['laptop1 ×1 ×', 'phone2 ×2 ×'])
      await region(phone, 'Inbox').getByText('the strategy kept both').waitFor()
    },
    4 * patience,
  )
}
