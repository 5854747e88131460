import Glibc
import LinuxSystem
import Logging
import Model
import Testing

@testable import ContainerEngine

@Suite(.timeLimit(.minutes(1))) struct ExitFileWatchTests {
  private let folder = "/tmp/exit-watch-test-\(UInt64.random(in: .min ... .max))"
  private let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

  private func write(_ id: ContainerID) throws {
    try FileSystem.atomicWrite("\(folder)/\(id.hex)", Array("0".utf8), mode: 0o600, durable: false)
  }

  @Test func aFileTellsTheEndOfItsContainerAlone() async throws {
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let poller = try Poller()
    let watch = ExitFileWatch(directory: folder, poller: poller)
    let task = Task { [logger] in await watch.run(logger: logger) }
    let (first, second, early) = (ContainerID.random(), ContainerID.random(), ContainerID.random())
    let firstEnd = watch.end(of: first)
    let secondEnd = watch.end(of: second)
    try write(first)
    try await firstEnd.wait()
    #expect(secondEnd.current == nil)
    // A file that was there before anybody asked.
    try write(early)
    try await watch.end(of: early).wait()
    // conmon was killed: there is no file.
    watch.tellEnd(of: second)
    #expect(secondEnd.current != nil)
    poller.shutdown()
    await task.value
  }

  @Test func anEventOfAnEarlierRunSaysNothingOfTheNext() async throws {
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let poller = try Poller()
    let watch = ExitFileWatch(directory: folder, poller: poller)
    let (id, last) = (ContainerID.random(), ContainerID.random())
    try write(id)
    try FileSystem.removeFile("\(folder)/\(id.hex)")
    let next = watch.end(of: id)
    let lastEnd = watch.end(of: last)
    let task = Task { [logger] in await watch.run(logger: logger) }
    try write(last)
    try await lastEnd.wait()
    #expect(next.current == nil)
    poller.shutdown()
    await task.value
  }
}
