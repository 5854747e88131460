import Glibc
import Isolation
import LinuxSystem
import Model
import Testing

@testable import ContainerEngine

@Suite struct LogKeepingTests {
  private static func retention(
    _ options: [String: String], _ change: (inout EnginePolicy.Defaults) -> Void = { _ in }
  ) throws -> LogRetention {
    var log = LogSettings()
    log.options = options
    var defaults = EnginePolicy.Defaults()
    change(&defaults)
    return LogRetention(try LogOptions(log, defaultDriver: "json-file"), defaults: defaults)
  }

  @Test func thePolicysBoundsHoldWhereNothingIsSaid() throws {
    let retention = try Self.retention([:]) {
      $0.logMaxSizeBytes = 70_000
      $0.logMaxFiles = 4
      $0.logMaxAgeSeconds = 60
    }
    #expect(retention.maxSizeBytes == 70_000 && retention.maxFiles == 4 && retention.maxAgeSeconds == 60)
    #expect(retention.totalBytes == 280_000)
    #expect(retention.oldestSeconds(now: 1_000) == 940)
  }

  @Test func theContainersOptionsComeFirst() throws {
    let retention = try Self.retention(["max-size": "8k", "max-file": "2", "max-age": "1h"])
    #expect(retention.maxSizeBytes == 8_192 && retention.maxFiles == 2 && retention.maxAgeSeconds == 3_600)
  }

  @Test(arguments: [("8000000000g", "1000"), ("-1", "2"), ("9223372036854775807", "3")])
  func theSizeOfAllFilesIsClamped(size: String, files: String) throws {
    guard let retention = try? Self.retention(["max-size": size, "max-file": files]) else {
      #expect(size == "8000000000g")
      return
    }
    #expect(retention.totalBytes == .max)
  }

  @Test func anAgeOfZeroMeansNever() throws {
    let retention = try Self.retention([:]) { $0.logMaxAgeSeconds = 0 }
    #expect(retention.maxAgeSeconds == nil && retention.oldestSeconds(now: 1_000) == nil)
    #expect(try Self.retention(["max-age": "1s"]) { $0.logMaxAgeSeconds = 0 }.oldestSeconds(now: 1_000) == 999)
  }

  @Test func rotatedFilesGoByAgeAndTheCurrentOneStays() throws {
    let folder = "/tmp/log-test-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectory(folder, mode: 0o700)
    defer { try? FileSystem.removeTree(folder) }
    let files = LogFiles(path: "\(folder)/container.log")
    for (path, seconds) in [
      (files.path, 100), (files.rotated(1), 300), (files.rotated(2), 200), (files.rotated(3), 100),
    ] {
      try FileSystem.atomicWrite(path, [65], durable: false)
      let time = timespec(tv_sec: seconds, tv_nsec: 0)
      #expect(utimensat(AT_FDCWD, path, [time, time], 0) == 0)
    }
    let retention = try Self.retention(["max-age": "50s"])
    try files.removeOlder(than: try #require(retention.oldestSeconds(now: 300)))
    #expect(files.all == [files.rotated(1), files.path])
  }

  @Test func attributesAreThoseThatTheOptionsName() throws {
    var record = try Self.record("json-file", ["labels": "team,gone", "env": "MODE,NOT", "tag": "{{.Name}}!"])
    #expect(record.logAttributes == ["team": "a", "MODE": "fast=yes", "tag": "n!"])
    record = try Self.record("json-file", [:])
    #expect(record.logAttributes == [:])
  }

  static func record(_ driver: String, _ options: [String: String]) throws -> ContainerRecord {
    var settings = ContainerSettings(image: "i")
    settings.host.log.options = options
    let digest = try Digest(hex: String(repeating: "0", count: 64))
    return ContainerRecord(
      id: .random(), name: "n", settings: settings, imageID: digest, layers: [digest], ids: IDRange(first: 1),
      createdAt: 0, arguments: ["x"], environment: ["MODE=fast=yes", "OTHER=1"], workingDirectory: "/", user: "",
      stopSignal: 15, stopSignalName: "SIGTERM", exposedPorts: [], labels: ["team": "a", "other": "b"], mounts: [],
      hostname: "h", networks: [], runtime: "crun", logDriver: driver)
  }
}
