internal import CommandLineKit
internal import Glibc

let environment = Environment.all
let status = await Monitor.program.run(
    Array(CommandLine.arguments.dropFirst()),
    on: .standard(environment: environment)
)
exit(status.code)
