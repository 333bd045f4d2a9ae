import { DatabaseSync } from 'node:sqlite'
import { parseJson, writeJson } from './json.ts'
import type { Disk } from './tables.ts'

/** A SQLite file as the disk: what was answered survives the end of the process, `kill -9` included. */
export function sqlite(path: string): Disk {
  const db = new DatabaseSync(path)
  db.exec(`
    pragma journal_mode = wal;
    pragma synchronous = normal;
    create table if not exists rows (tab text not null, id text not null, json text, bytes blob, unique (tab, id));
  `)
  const load = db.prepare('select id, json, bytes from rows where tab = ? order by rowid')
  const put = db.prepare(`insert into rows (tab, id, json, bytes) values (?, ?, ?, ?)
    on conflict (tab, id) do update set json = excluded.json, bytes = excluded.bytes`)
  const drop = db.prepare('delete from rows where tab = ? and id = ?')

  return {
    *load(table) {
      for (const row of load.all(table)) {
        yield [String(row.id), row.bytes ?? parseJson(String(row.json))]
      }
    },
    save(edits) {
      db.exec('begin immediate')
      try {
        for (const { table, id, row } of edits) {
          if (row === undefined) drop.run(table, id)
          else if (row instanceof Uint8Array) put.run(table, id, null, row)
          else put.run(table, id, writeJson(row), null)
        }
        db.exec('commit')
      } catch (error) {
        db.exec('rollback')
        throw error
      }
    },
    close: () => db.close(),
  }
}
