/** The files of a share on two devices. */
import type { FrameLocator } from 'playwright-core'
import { expect, test } from 'vitest'
import { online, patience, phase, seen, synced, type Visit } from './kit.ts'

const region = (device: FrameLocator, name: string) => device.getByRole('region', { name })
const entry = (device: FrameLocator, name: string | RegExp) =>
  region(device, 'Files').getByRole('button', { name, exact: true })
const names = (device: FrameLocator) => region(device, 'Files').locator('.name').allTextContents()

/** Opens what can be done with an entry; only one line at a time shows it. */
async function more(device: FrameLocator, name: string) {
  await device.getByRole('button', { name: `More about ${name}`, exact: true }).click()
  return device.locator('.actions:visible')
}

async function folder(device: FrameLocator, name: string): Promise<void> {
  await device.getByRole('button', { name: 'New folder', exact: true }).click()
  const actions = await more(device, 'New folder')
  await actions.getByLabel('New name').fill(name)
  await actions.getByRole('button', { name: 'Rename' }).click()
  await entry(device, name).waitFor()
}

async function upload(device: FrameLocator, into: string, name: string, bytes: Buffer | string): Promise<void> {
  await device.getByLabel('Folder for what is new').selectOption(into)
  const file = { name, mimeType: typeof bytes === 'string' ? 'text/plain' : '', buffer: Buffer.from(bytes as string) }
  await device.getByLabel('Files to upload').setInputFiles(file)
}

async function write(device: FrameLocator, name: string, text: string): Promise<void> {
  await entry(device, name).click()
  await device.getByLabel(`What ${name} says`).fill(text)
  await device.getByRole('button', { name: 'Save', exact: true }).click()
}

async function says(device: FrameLocator, name: string): Promise<string> {
  await entry(device, name).click()
  const text = await device.getByLabel(`What ${name} says`).inputValue()
  await device.locator('dialog').getByRole('button', { name: 'Close' }).click()
  return text
}

export function filesTests({ page, afresh }: Visit): void {
  test(
    'folders and files are made, renamed, moved and deleted, and come to the other device',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      await folder(laptop, 'Charts')
      await folder(laptop, 'Logs')
      await upload(laptop, '/Charts', 'tides.txt', 'High water 06:12')
      await seen(() => names(phone)).toEqual(['Charts', 'tides.txt', 'Logs'])
      expect(await says(phone, 'tides.txt')).toBe('High water 06:12')

      const actions = await more(phone, 'tides.txt')
      await actions.getByLabel('Move to').selectOption('/Logs')
      await seen(() => names(laptop)).toEqual(['Charts', 'Logs', 'tides.txt'])
      await entry(laptop, 'tides.txt').dragTo(entry(laptop, 'Charts'))
      await seen(() => names(phone)).toEqual(['Charts', 'tides.txt', 'Logs'])

      await (await more(phone, 'Charts')).getByRole('button', { name: 'Delete' }).click()
      await seen(() => names(laptop)).toEqual(['Logs'])
      await seen(() => page().locator('#server-holds li').allTextContents()).toEqual(['Logs/'])
    },
    3 * patience,
  )

  test(
    'two versions of a file are both kept, told of in the inbox, and one is taken back',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      await upload(laptop, '/', 'log.txt', 'Monday')
      await entry(phone, 'log.txt').waitFor()
      expect(await says(phone, 'log.txt')).toBe('Monday')
      for (const device of [laptop, phone]) await online(device, false)
      await write(laptop, 'log.txt', 'Monday, says the laptop')
      await write(phone, 'log.txt', 'Monday, says the phone')
      for (const device of [laptop, phone]) await phase(device, 'waiting')
      await online(laptop, true)
      await synced(laptop)
      await online(phone, true)

      for (const device of [laptop, phone]) await seen(() => names(device).then(all => all.length)).toBe(2)
      const told = region(phone, 'Inbox').getByRole('listitem')
      await told.getByText('the strategy kept both').waitFor()
      expect((await told.getByText('22 B of').count()) + (await told.getByText('23 B of').count())).toBe(2)
      await seen(() => says(phone, 'log.txt')).toBe('Monday, says the laptop')

      await told.getByRole('button', { name: 'Undo' }).click()
      for (const device of [laptop, phone]) {
        await seen(() => names(device)).toEqual(['log.txt'])
        // The copy goes and the text comes back one after the other: the other device may be in step in between.
        await seen(() => says(device, 'log.txt')).toBe('Monday, says the phone')
        await synced(device)
      }
    },
    3 * patience,
  )

  test(
    'a folder that a device does not keep goes there and nowhere else, and comes back as it is by then',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      await folder(laptop, 'Charts')
      await upload(laptop, '/Charts', 'tides.txt', 'High water 06:12')
      await upload(laptop, '/', 'log.txt', 'Monday')
      const all = ['Charts', 'tides.txt', 'log.txt']
      await seen(() => names(phone)).toEqual(all)

      const keep = phone.getByLabel('Keep Charts on this device')
      await keep.uncheck()
      await seen(() => names(phone)).toEqual(['Charts', 'log.txt'])
      await phone.getByText('not kept here').waitFor()
      await synced(phone)
      await write(laptop, 'tides.txt', 'High water 06:30')
      await synced(laptop)
      expect(await names(laptop)).toEqual(all)

      await page().reload()
      await seen(() => names(phone)).toEqual(['Charts', 'log.txt'])
      await online(phone, false)
      await keep.click()
      await phone.getByRole('alert').getByText('Choose again when there is a network').waitFor()
      expect(await keep.isChecked()).toBe(false)
      await online(phone, true)
      await keep.check()
      await seen(() => names(phone)).toEqual(all)
      expect(await says(phone, 'tides.txt')).toBe('High water 06:30')
    },
    3 * patience,
  )

  test(
    'a folder with many files is not deleted before somebody says so again, and can be had back instead',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      await folder(laptop, 'Charts')
      await laptop.getByLabel('Folder for what is new').selectOption('/Charts')
      const charts = Array.from({ length: 21 }, (_, n) => ({
        name: `${n}.txt`,
        mimeType: 'text/plain',
        buffer: Buffer.from(`${n}`),
      }))
      await laptop.getByLabel('Files to upload').setInputFiles(charts)
      const all = ['Charts', ...charts.map(({ name }) => name)]
      await seen(() => names(phone)).toEqual(all)
      await synced(laptop)

      const remove = async () => {
        await (await more(laptop, 'Charts')).getByRole('button', { name: 'Delete' }).click()
        await phase(laptop, 'needs-user')
        await laptop.getByText('22 records would be deleted').waitFor()
      }
      await remove()
      expect(await names(phone)).toEqual(all)
      await laptop.getByRole('button', { name: 'Give all up' }).click()
      await seen(() => names(laptop)).toEqual(all)
      await laptop.getByRole('button', { name: 'Look again' }).click()
      await synced(laptop)

      await remove()
      await laptop.getByRole('button', { name: 'Let them be deleted' }).click()
      await synced(laptop)
      // The phone asks too: it cannot know who wanted this.
      await phone.getByText(/would delete 2[12] of 22 records here/).waitFor()
      expect(await names(phone)).toEqual(all)
      await phone.getByRole('button', { name: 'Let them be deleted' }).click()
      await seen(() => names(phone)).toEqual([])
      await synced(phone)
    },
    3 * patience,
  )

  test(
    'a large file goes up and comes down with a bar, waits while it is paused, and goes on where it was',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      await page().getByLabel('narrow').check()
      await upload(laptop, '/', 'noise.bin', Buffer.alloc(5 * 1024 ** 2, 'noise'))
      const up = region(laptop, 'Files').getByLabel('Uploading')
      const down = region(phone, 'Files').getByLabel('Downloading')
      const done = (bar: typeof up) => bar.evaluate(one => (one as HTMLProgressElement).value)
      await seen(() => done(up)).toBeGreaterThan(0)

      await laptop.getByRole('button', { name: 'Pause' }).click()
      await phase(laptop, 'paused')
      const paused = await done(up)
      expect(paused).toBeLessThan(5 * 1024 ** 2)
      await laptop.getByRole('button', { name: 'Resume' }).click()
      await seen(() => names(phone)).toEqual(['noise.bin'])

      await entry(phone, 'noise.bin').click()
      await seen(() => done(down)).toBeGreaterThan(0)
      await phone.getByText(/of 5.0 MiB are here/).waitFor()
      await phone.getByText('have the hash that they should have').waitFor()
      await phone.getByRole('link', { name: 'Save to disk' }).waitFor()
    },
    4 * patience,
  )

  test(
    'what others wrote is shown as text, never as part of the page (S24)',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      const name = '<img src=x onerror=alert(1)>.txt'
      await upload(laptop, '/', name, '<script>alert(1)</script>')
      for (const device of [laptop, phone]) await entry(device, name).waitFor()
      expect(await says(phone, name)).toBe('<script>alert(1)</script>')
      for (const device of [laptop, phone]) await online(device, false)
      await write(laptop, name, '<b>laptop</b>')
      await write(phone, name, '<b>phone</b>')
      for (const device of [laptop, phone]) {
        await online(device, true)
        await synced(device)
      }
      await seen(() => names(laptop).then(all => all.length)).toBe(2)
      await seen(() => page().locator('#server-holds li').count()).toBe(2)
      for (const frame of page().frames()) expect(await frame.locator('img, b, body script').count()).toBe(0)
    },
    3 * patience,
  )

  test(
    'devices are listed, renamed, switched off and removed by each other',
    async () => {
      const [laptop, phone] = await afresh('files.html', 'KEEP_BOTH')
      const devices = region(laptop, 'Devices').getByRole('listitem')
      const values = () =>
        devices.getByLabel('Name of the device').evaluateAll(all => all.map(it => (it as HTMLInputElement).value))
      await seen(values).toEqual(['Laptop', 'Phone'])
      await devices.first().getByText('this device').waitFor()
      const name = devices.last().getByLabel('Name of the device')
      await name.fill('Pocket')
      await name.press('Enter')
      await seen(() => region(phone, 'Devices').getByLabel('Name of the device').last().inputValue()).toBe('Pocket')

      await devices.last().getByRole('button', { name: 'Switch off' }).click()
      await devices.last().getByText('switched off').waitFor()
      await phone.getByRole('button', { name: 'New folder', exact: true }).click()
      await phone.getByText('This device was switched off').waitFor()
      await phone.getByText('1 to send').waitFor()
      await devices.last().getByRole('button', { name: 'Switch on' }).click()
      await seen(() => names(laptop)).toEqual(['New folder'])
      await synced(phone)

      // A device that still runs joins again, under the name that it gives itself.
      await devices.last().getByRole('button', { name: 'Remove' }).click()
      await seen(values).toEqual(['Laptop', 'Phone'])
      await synced(phone)
    },
    4 * patience,
  )
}
