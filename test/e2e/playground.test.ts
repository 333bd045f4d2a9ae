/** The playground as a visitor uses it, page by page. */
import { describe } from 'vitest'
import { cogniteTests } from './cognite.ts'
import { filesTests } from './files.ts'
import { jobsTests } from './jobs.ts'
import { visit } from './kit.ts'
import { notesTests } from './notes.ts'

const playground = visit()

describe('notes', () => notesTests(playground))
describe('files', () => filesTests(playground))
describe('cognite', () => cogniteTests(playground))
describe('jobs', () => jobsTests(playground))
