/** A device of the chaos test as a process of its own. */
import { sqlite } from '../../src/stores/sqlite.ts'
import { openApp } from './app.ts'
import type { Account } from './devices.ts'
import { obey } from './obey.ts'

const given = JSON.parse(process.argv[2] ?? '{}') as Account & { name: string; store: string }
obey(await openApp(given, sqlite(given.store)))
