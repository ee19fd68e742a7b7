/** Rules about files that no other tool knows: their length, their place in git, and who may read a clock. */
import { type Finding, git, projectFiles, readText, report } from './files.ts'

const MOST_LINES = 400
const CLOCK = /\b(?:Date\.now|performance\.now|new Date\(\))/

/** Where reading the machine's clock is the point; everywhere else the time is a parameter. */
const CLOCK_READERS = [
  'src/core/time.ts',
  'src/engine/',
  'src/cli/progress',
  'test/bench/',
  'cluster/loadtest/load.ts',
  'cluster/loadtest/check-service.ts',
]

const sources = projectFiles('*.ts', '*.lua', 'scripts/*').filter(
  path => !path.startsWith('lua/dist/') && !path.startsWith('lua/releases/'),
)

const tooLong = sources.flatMap((path): Finding[] => {
  const lines = readText(path).split('\n').length - 1
  if (lines <= MOST_LINES) return []
  return [
    { place: path, problem: `has ${lines} lines, ${MOST_LINES} at most. Split it by what its parts own.` },
  ]
})

const strayClocks = sources
  .filter(path => /^(src|test|cluster)\//.test(path) && !CLOCK_READERS.some(own => path.startsWith(own)))
  .flatMap(path =>
    readText(path)
      .split('\n')
      .flatMap((text, index): Finding[] => {
        const found = CLOCK.exec(text)
        if (found === null) return []
        const problem = `reads the clock by ${found[0]}. Take the time as a parameter, or use core/time.ts.`
        return [{ place: `${path}:${index + 1}`, problem }]
      }),
  )

const ignoredAndTracked = git('ls-files', '--cached', '--ignored', '--exclude-standard').map(
  (path): Finding => ({ place: path, problem: 'is tracked and ignored at once. Choose one in .gitignore.' }),
)

report('tree', `${sources.length} files`, [...tooLong, ...strayClocks, ...ignoredAndTracked])
