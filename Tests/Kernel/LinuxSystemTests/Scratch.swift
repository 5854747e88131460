import Glibc

@testable import LinuxSystem

/// Whether tests that need root can run.
let isRoot = geteuid() == 0

/// A directory of its own for one test, removed with everything in it when the test lets go of it.
final class Scratch: Sendable {
  let path: String

  init() throws {
    path = "/tmp/kernel-\(getpid())-\(UInt64.random(in: 0 ... .max))"
    try FileSystem.makeDirectory(path, mode: 0o755)
  }

  deinit {
    try? FileSystem.removeTree(path)
  }

  /// The path of something inside.
  func at(_ name: String) -> String {
    "\(path)/\(name)"
  }

  func write(_ name: String, _ text: String = "") throws {
    try FileSystem.atomicWrite(at(name), Array(text.utf8), mode: 0o644, durable: false)
  }

  func text(_ name: String) throws -> String {
    String(decoding: try FileSystem.read(at(name), maxBytes: 1 << 20), as: UTF8.self)
  }
}

/// The error number that `body` throws, nil when it throws none.
func errorNumber(_ body: () throws -> Void) throws -> Int32? {
  do {
    try body()
    return nil
  } catch let error as SystemError {
    return error.errno
  }
}

/// The text of a process's output.
func text(_ bytes: [UInt8]) -> String {
  String(decoding: bytes, as: UTF8.self)
}
