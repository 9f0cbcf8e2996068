import Foundation

// sample-data FOLDER: writes the sample of the demo below the folder.
guard CommandLine.arguments.count == 2 else {
    FileHandle.standardError.write(Data("usage: sample-data FOLDER\n".utf8))
    exit(2)
}
let folder = URL(fileURLWithPath: CommandLine.arguments[1], isDirectory: true)
for (path, text) in Sample.files() {
    let file = folder.appending(path: path)
    try FileManager.default.createDirectory(
        at: file.deletingLastPathComponent(),
        withIntermediateDirectories: true
    )
    try text.write(to: file, atomically: true, encoding: .utf8)
}
