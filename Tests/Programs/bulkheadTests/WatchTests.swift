import Compose
import Glibc
import Testing

@testable import bulkhead

@Suite struct WatchTests {
  private static func rule(
    _ action: String, _ service: String = "web", path: String = "/src", more: String = ""
  ) throws -> WatchRule {
    let text = """
      services:
        \(service):
          image: i
          build: .
          develop: {watch: [{action: \(action), path: \(path), target: /app\(more)}]}
      """
    let reader = OneFile(text: text)
    let project = try ComposeLoader(reader: reader).load(ComposeRequest(files: ["/p/compose.yaml"])).project
    return try WatchRule(service, try #require(project.service(service)?.watch.first))
  }

  private struct OneFile: ComposeReader {
    let text: String
    func read(_ path: String, beneath root: String?, maximumBytes: Int) throws(ComposeReadFailure) -> [UInt8] {
      guard path == "/p/compose.yaml" else { throw .notFound }
      return Array(text.utf8)
    }
  }

  @Test(
    "which files a rule concerns, and where they go",
    arguments: [
      ("/src/a.py", "/app/a.py"), ("/src/deep/b.py", "/app/deep/b.py"), ("/src", "/app"), ("/srcs/a.py", nil),
      ("/other/a", nil), ("/src/node_modules/x.js", nil), ("/src/keep.txt", nil), ("/src/.git/HEAD", nil),
      ("/src/a.py~", nil), ("/src/deep/.a.py.swp", nil),
    ] as [(String, String?)])
  func targets(path: String, expected: String?) throws {
    let rule = try Self.rule("sync", more: ", ignore: [node_modules/, '*.txt']")
    #expect(rule.place(of: path).flatMap(rule.target) == expected)
  }

  @Test func `include leaves the rest out, and folders that are ignored are passed over`() throws {
    let rule = try Self.rule("sync", more: ", include: ['**/*.html'], ignore: [vendor]")
    #expect(rule.place(of: "/src/a/b.html") == "a/b.html")
    #expect(rule.place(of: "/src/a/b.css") == nil)
    #expect(rule.passesOver("/src/vendor") && !rule.passesOver("/src/a") && !rule.passesOver("/src"))
  }

  @Test func `what is built anew is not copied, and changes of one moment are one`() throws {
    let rules = [
      try Self.rule("sync"), try Self.rule("rebuild", path: "/src/package.json"),
      try Self.rule("sync+restart", "api"), try Self.rule("sync+exec", "job", more: ", exec: {command: make}"),
    ]
    let plain = WatchWork.of(["/src/a", "/src/b"], by: rules)
    #expect(plain["web"] == WatchWork(files: ["/src/a": "/app/a", "/src/b": "/app/b"]))
    #expect(plain["api"] == WatchWork(restarts: true, files: ["/src/a": "/app/a", "/src/b": "/app/b"]))
    #expect(plain["job"]?.commands.map(\.command) == [["make"]])
    #expect(WatchWork.of(["/src/a", "/src/package.json"], by: rules)["web"] == WatchWork(rebuilds: true))
    #expect(WatchWork.of(["/elsewhere"], by: rules).isEmpty)
  }

  @Test func `files that are made, written, moved and removed are told, in new folders too`() throws {
    var template = Array("/tmp/bulkhead-watch-XXXXXX".utf8CString)
    let root = String(cString: try #require(mkdtemp(&template)))
    defer { _ = try? ChildShell.run("rm -rf \(root)") }
    try ChildShell.run("mkdir -p \(root)/a/b \(root)/skipped; echo 1 >\(root)/a/b/old")
    let watch = try FolderWatch([root]) { $0.hasSuffix("/skipped") }
    #expect(try watch.files(below: root) == ["\(root)/a/b/old"])
    #expect(try watch.changes() == [])
    try ChildShell.run("cd \(root); echo 2 >a/b/old; echo 3 >a/new; mkdir -p c/d; echo 4 >c/d/deep; echo 5 >skipped/x")
    #expect(try watch.changes() == ["\(root)/a/b/old", "\(root)/a/new", "\(root)/c/d/deep"])
    try ChildShell.run("cd \(root); echo 6 >c/d/deep; mv a/new a/b/moved; rm a/b/old; ln -s / c/link")
    #expect(
      try watch.changes() == [
        "\(root)/c/d/deep", "\(root)/a/new", "\(root)/a/b/moved", "\(root)/a/b/old", "\(root)/c/link",
      ])
    try ChildShell.run("cd \(root); mv a away; echo 7 >away/b/moved; rm -r c")
    let last = try watch.changes()
    #expect(last.isSuperset(of: ["\(root)/a", "\(root)/away/b/moved", "\(root)/c/d/deep", "\(root)/c"]))
    #expect(!last.contains("\(root)/a/b/moved"))
  }
}

/// A shell for tests that need files to change.
private enum ChildShell {
  struct Failed: Error { let status: Int32 }

  static func run(_ script: String) throws {
    let status = system(script)
    guard status == 0 else { throw Failed(status: status) }
  }
}
