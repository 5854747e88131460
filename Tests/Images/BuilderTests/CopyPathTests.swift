import Dockerfile
import LinuxSystem
import Model
import Testing

@testable import Builder

@Suite struct CopyPathTests {
  private static let place = SourcePosition(file: "Dockerfile", line: 2, column: 6)

  @Test(
    "ATT-027: a source that leads out of the context is refused",
    arguments: ["../../etc/passwd", "..", "a/../../b", "/../x"])
  func leadsOut(path: String) {
    #expect {
      try SourceMatcher.clean(Word(path, at: Self.place))
    } throws: { error in
      let error = error as? PlatformError
      return error?.code == .invalidArgument
        && error?.message.contains("forbidden path outside the build context") == true
    }
  }

  @Test(arguments: [
    ("a/./b/", "a/b", "a"), ("/a//b", "a/b", nil), ("./a", "a", nil), ("a/x/../b", "a/b", nil), (".", "", nil),
  ])
  func clean(path: String, cleaned: String, pivot: String?) throws {
    let result = try SourceMatcher.clean(Word(path, at: Self.place))
    #expect(result.path == cleaned)
    #expect(result.pivot == pivot)
  }

  @Test("ATT-029: names of archives that lead upwards are refused", arguments: ["../x", "a/../../x", "a/.."])
  func archiveNames(name: String) {
    #expect {
      try LayerWriter.clean(Array(name.utf8))
    } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }

  @Test func archiveRootIsNoEntry() throws {
    #expect(try LayerWriter.clean(Array("./".utf8)) == nil)
    #expect(try LayerWriter.clean(Array("./a//b/".utf8)) == Array("a/b".utf8))
  }

  @Test("ATT-027: links of an image are followed within the image")
  func linksStayInside() throws {
    let folder = "/tmp/builder-\(UInt64.random(in: .min ... .max))"
    try FileSystem.makeDirectories(folder + "/real", mode: 0o755)
    defer { try? FileSystem.removeTree(folder) }
    let root = try RootedDirectory(path: folder)
    try root.symlink("/real", at: "absolute")
    try root.symlink("../../../../etc", at: "up")
    try root.symlink("loop", at: "loop")
    #expect(try ImagePath.resolve("/absolute/new/file", in: root) == "real/new/file")
    #expect(try ImagePath.resolve("/up/passwd", in: root) == "etc/passwd")
    #expect(try ImagePath.resolve("a/../b", in: root) == "b")
    #expect(throws: SystemError.self) { try ImagePath.resolve("/loop/x", in: root) }
  }
}

@Suite struct StepKeyTests {
  @Test func partsDoNotRunTogether() {
    func key(_ parts: [String]) -> Digest {
      var key = StepKey("RUN")
      for part in parts { key.add(part) }
      return key.digest()
    }
    #expect(key(["ab", "c"]) != key(["a", "bc"]))
    #expect(key(["a", ""]) != key(["a"]))
    #expect(key(["a"]) == key(["a"]))
  }

  @Test("ATT-031: values of arguments with telling names are kept out of the history")
  func secretNames() {
    #expect(SecretNames.shown("DB_PASSWORD", "hunter2") == "DB_PASSWORD=***")
    #expect(SecretNames.shown("github_token", "x") == "github_token=***")
    #expect(SecretNames.shown("VERSION", "1") == "VERSION=1")
  }
}

@Suite struct BuildPlanTests {
  private func plan(_ text: String, target: String = "") throws -> BuildPlan {
    let file = try DockerfileParser.parse(Array(text.utf8), file: "Dockerfile")
    let platform = BuildArguments.Platform(os: "linux", architecture: "amd64")
    return try BuildPlan(
      file, target: target,
      arguments: try BuildArguments(file, given: [:], target: platform, build: platform, stage: target))
  }

  private static let stages = """
    FROM scratch AS a
    COPY x /
    FROM scratch AS unneeded
    COPY y /
    FROM scratch AS b
    COPY --from=a /x /
    FROM b AS c
    RUN --mount=type=bind,from=a,target=/m true
    """

  @Test(
    "stages that the target does not need are left out",
    arguments: [("", ["a", "b", "c"], 6), ("b", ["a", "b"], 4), ("a", ["a"], 2), ("2", ["a", "b"], 4)])
  func needed(target: String, names: [String], total: Int) throws {
    let plan = try plan(Self.stages, target: target)
    #expect(plan.stages.map { $0.name ?? "" } == names)
    #expect(plan.total == total)
  }

  @Test func unknownTargetIsAnError() {
    #expect { try plan(Self.stages, target: "z") } throws: { ($0 as? PlatformError)?.code == .invalidArgument }
  }
}
