import FoundationEssentials
import Glibc

/// Which engine the tests talk to, told by the environment.
///
/// - `BULKHEAD_TEST_HOST=unix:///…`: an engine that runs already (a dockerd, say); tests that need to start or kill the
///   engine, or to look at its host side, are off.
/// - `BULKHEAD_TEST_ENTER="COMMAND …"`: how to run a command where that engine's published ports can be reached.
/// - `BULKHEAD_PROGRAMS=DIR`: where `bulkheadd` is; else it is looked for beside the tests.
enum Target {
  private static let environment = ProcessInfo.processInfo.environment

  /// The socket of a foreign engine, nil when the tests start their own.
  static let foreignSocket: String? = environment["BULKHEAD_TEST_HOST"].map {
    $0.hasPrefix("unix://") ? String($0.dropFirst("unix://".count)) : $0
  }
  static let isForeign = foreignSocket != nil
  static let enter = environment["BULKHEAD_TEST_ENTER"] ?? ""

  /// The built engine.
  static let engineProgram: String? = {
    var folders = [environment["BULKHEAD_PROGRAMS"]].compactMap { $0 }
    for argument in CommandLine.arguments where argument.contains(".xctest") {
      // …/debug/bulkheadPackageTests.xctest, by itself or as the value of --test-bundle-path.
      folders.append(URL(filePath: argument).deletingLastPathComponent().path)
    }
    if let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe") {
      folders.append(URL(filePath: program).deletingLastPathComponent().path)
    }
    return folders.map { "\($0)/bulkheadd" }.first { access($0, X_OK) == 0 }
  }()

  /// The built client.
  static let clientProgram =
    (engineProgram.map { URL(filePath: $0).deletingLastPathComponent().path } ?? "") + "/bulkhead"

  static let isRoot = geteuid() == 0

  /// Tests that talk to whichever engine.
  static let canServe = isRoot && (isForeign || engineProgram != nil)
  /// Tests that need an engine of ours: its policy, its processes, its leftovers.
  static let canStart = isRoot && !isForeign && engineProgram != nil

  /// Rounds of the crash tests.
  static let crashRounds = environment["BULKHEAD_CRASH_ROUNDS"].flatMap { Int($0) } ?? 10
  static let crashImageRounds = environment["BULKHEAD_CRASH_IMAGE_ROUNDS"].flatMap { Int($0) } ?? 5
  static let crashClusterRounds = environment["BULKHEAD_CRASH_CLUSTER_ROUNDS"].flatMap { Int($0) } ?? 2
  /// Start of the crash tests' random numbers; printed, so that a failure can be repeated.
  static let crashSeed =
    environment["BULKHEAD_CRASH_SEED"].flatMap { UInt64($0) } ?? UInt64.random(in: 1...1_000_000)

  /// The top folder of the sources, for the scripts beside the tests.
  static let sources: String = {
    var folder = URL(filePath: #filePath)
    for _ in 0..<4 { folder = folder.deletingLastPathComponent() }
    return folder.path
  }()
}
