internal import CommandLineKit
internal import Glibc

let environment = Environment.all
let status = await Monitor.program.run(
    Array(CommandLine.arguments.dropFirst()),
    on: .standard(environment: environment)
)
// Not exit(): threads of Kafka's client that did not come back in time may still run, and what is taken down at a
// process's exit (OpenSSL's tables) would be taken from under them.
fflush(nil)
_exit(status.code)
