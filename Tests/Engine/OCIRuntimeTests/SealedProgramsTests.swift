import Glibc
import LinuxSystem
import Testing

@testable import OCIRuntime

@Suite struct SealedProgramsTests {
  private let folder = "/tmp/sealed-test-\(UInt64.random(in: .min ... .max))"

  private func write(_ path: String, _ words: String) throws {
    try FileSystem.makeDirectories(FileSystem.parent(of: path), mode: 0o700)
    try FileSystem.atomicWrite(path, Array("#!/bin/sh\necho \(words)\n".utf8), mode: 0o700, durable: false)
  }

  private func text(_ path: String) throws -> String {
    String(decoding: try FileSystem.read(path, maxBytes: 100), as: UTF8.self)
  }

  @Test func programsOfOneNameAndVersionsOfOneProgramStayApart() throws {
    defer { try? FileSystem.removeTree(folder) }
    let programs = SealedPrograms(directory: "\(folder)/links")
    try write("\(folder)/a/crun", "a")
    try write("\(folder)/b/crun", "b")
    let first = try programs.path(of: "\(folder)/a/crun")
    let second = try programs.path(of: "\(folder)/b/crun")
    #expect(try text(first).contains("echo a") && text(second).contains("echo b"))
    #expect(try programs.path(of: "\(folder)/a/crun") == first)
    #expect(FileSystem.lastComponent(of: first) == "crun")
    try write("\(folder)/a/crun", "newer")
    let newer = try programs.path(of: "\(folder)/a/crun")
    #expect(try text(newer).contains("echo newer") && text(first).contains("echo a"))
  }

  @Test func aCopyCannotBeChanged() throws {
    defer { try? FileSystem.removeTree(folder) }
    try write("\(folder)/crun", "own")
    let programs = SealedPrograms(directory: "\(folder)/links")
    let copy = try withExtendedLifetime(programs) {
      try Descriptor.open(programs.path(of: "\(folder)/crun"), flags: O_RDWR)
    }
    let error = #expect(throws: SystemError.self) { try copy.write(all: [0]) }
    #expect(error?.errno == EPERM)
  }
}
