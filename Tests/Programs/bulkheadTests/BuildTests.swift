import Foundation
import Testing

@testable import bulkhead

@Suite struct BuildTests {
  private func options(_ arguments: [String]) throws -> BuildOptions { try BuildOptions.parse(arguments) }

  @Test func optionsBecomeAQuery() throws {
    setenv("BULKHEAD_BUILD_TEST", "from outside", 1)
    let query = try options([
      "-t", "a:1", "-t", "b", "--build-arg", "X=1=2", "--build-arg", "BULKHEAD_BUILD_TEST", "--build-arg",
      "ABSENT_HERE",
      "--label", "l=v", "--target", "t", "--no-cache", "--shm-size", "64m", "--ulimit", "nofile=1:2", "--add-host",
      "h:1.2.3.4", "--cache-from", "img",
    ]).query()
    func values(_ name: String) -> [String] { query.filter { $0.0 == name }.compactMap(\.1) }
    #expect(values("t") == ["a:1", "b"] && values("target") == ["t"] && values("nocache") == ["1"])
    #expect(values("buildargs") == [#"{"X":"1=2","BULKHEAD_BUILD_TEST":"from outside"}"#])
    #expect(values("labels") == [#"{"l":"v"}"#] && values("shmsize") == ["67108864"] && values("pull").isEmpty)
    #expect(values("ulimits") == [#"[{"Name":"nofile","Soft":1,"Hard":2}]"#] && values("cachefrom") == [#"["img"]"#])
  }

  @Test(arguments: [(["--squash"], "--squash"), (["-o", "x"], "--output")])
  func whatIsMissingIsRefusedByName(arguments: [String], name: String) throws {
    let options = try options(arguments)
    let error = #expect(throws: ClientError.self) { try options.query() }
    #expect(error?.message.hasPrefix("\(name) is not supported") == true)
    #expect(error?.exitCode == ExitStatus.usage)
    #expect(!Build.helpMessage().contains(name))
  }

  @Test func secretsAreReadFromFilesAndVariables() throws {
    let path = "/tmp/secret-test-\(UInt64.random(in: .min ... .max))"
    try Data("of a file".utf8).write(to: URL(fileURLWithPath: path))
    defer { unlink(path) }
    setenv("BULKHEAD_SECRET_TEST", "of a variable", 1)
    #expect(try BuildOptions.secret("id=a,src=\(path)").value == Array("of a file".utf8))
    #expect(try BuildOptions.secret("id=a,env=BULKHEAD_SECRET_TEST").value == Array("of a variable".utf8))
    #expect(try BuildOptions.secret("id=BULKHEAD_SECRET_TEST").value == Array("of a variable".utf8))
    for text in ["", "id=", "src=x", "id=a,colour=x", "a"] {
      let error = #expect(throws: ClientError.self) { try BuildOptions.secret(text) }
      #expect(error?.exitCode == ExitStatus.usage)
    }
    for text in ["id=a,env=ABSENT_HERE", "id=a,src=/absent"] {
      let error = #expect(throws: ClientError.self) { try BuildOptions.secret(text) }
      #expect(error?.exitCode == ExitStatus.failure)
    }
  }

  /// A socket that somebody listens at, as long as the closure runs.
  private func withSocket(_ body: (String) throws -> Void) throws {
    let path = "/tmp/agent-test-\(UInt64.random(in: .min ... .max))"
    let listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    defer {
      close(listener)
      unlink(path)
    }
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    #expect(result == 0 && listen(listener, 8) == 0)
    try body(path)
  }

  @Test func agentsAreOfferedByNameAndSocket() throws {
    try withSocket { path in
      let environment: (String) -> String? = { $0 == "SSH_AUTH_SOCK" ? path : nil }
      func agent(_ text: String) throws -> OfferedAgent { try .parse(text, environment: environment) }
      #expect(try agent("default") == OfferedAgent(id: "default", socket: path))
      #expect(try agent("other") == OfferedAgent(id: "other", socket: path))
      #expect(try OfferedAgent.parse("o=\(path)") { _ in nil } == OfferedAgent(id: "o", socket: path))
      #expect(try options(["--ssh", "a=\(path)", "--ssh", "b=\(path)"]).agents().map(\.id) == ["a", "b"])
      #expect(throws: ClientError.self) { try options(["--ssh", "a=\(path)", "--ssh", "a=\(path)"]).agents() }
      let forwarder = AgentForwarder([try agent("default")], engine: Engine(address: try EngineAddress(parsing: "/x")))
      #expect(forwarder.session.count == 32 && forwarder.session.allSatisfy { $0.isHexDigit && !$0.isUppercase })
      #expect(forwarder.json.compact == #"{"session":"\#(forwarder.session)","ids":["default"]}"#)
    }
  }

  @Test(arguments: [
    ("", ExitStatus.usage, "invalid --ssh ''"), ("=x", ExitStatus.usage, "invalid --ssh '=x'"),
    ("a=", ExitStatus.usage, "invalid --ssh 'a='"), ("a=/k1,/k2", ExitStatus.usage, "invalid --ssh 'a=/k1,/k2'"),
    ("default", ExitStatus.failure, "--ssh default: SSH_AUTH_SOCK is not set"),
    ("a=/absent", ExitStatus.failure, "--ssh a: cannot use '/absent': No such file"),
    ("a=/etc/passwd", ExitStatus.usage, "--ssh a: '/etc/passwd' is no agent's socket: key files are not read"),
  ])
  func agentsThatAreNoneAreRefused(text: String, exitCode: Int32, message: String) {
    let error = #expect(throws: ClientError.self) { try OfferedAgent.parse(text) { _ in nil } }
    #expect(error?.message.hasPrefix(message) == true && error?.exitCode == exitCode, "\(error?.message ?? "")")
  }

  private func event(_ text: String) throws -> JSONValue { try JSONParser.parse(Array(text.utf8)) }

  @Test func progressIsGathered() throws {
    var progress = BuildProgress()
    let step = #""step":{"number":1,"total":2,"stage":"s","text":"RUN x"}"#
    #expect(try progress.take(event("{\"event\":\"started\",\(step)}"), now: 5) == .started(0))
    #expect(try progress.take(event("{\"event\":\"running\",\(step)}"), now: 6) == .none)
    let output = try event("{\"event\":\"output\",\(step),\"text\":\"a\\u001b[2J\\nb\"}")
    #expect(try progress.take(output, now: 7) == .lines(0, ["a[2J"]))
    #expect(try progress.take(event("{\"event\":\"finished\",\(step)}"), now: 9) == .ended(0))
    #expect(progress.steps[0].title == "[s 1/2] RUN x" && progress.steps[0].lines == ["a[2J", "b"])
    let other = #""step":{"number":2,"total":2,"stage":"s","text":"COPY y"}"#
    #expect(try progress.take(event("{\"event\":\"cached\",\(other)}"), now: 9) == .ended(1))
    #expect(try progress.take(event(#"{"event":"built","id":"sha256:ab"}"#), now: 9) == .none)
    #expect(progress.id == "sha256:ab")
    let error = #expect(throws: ClientError.self) {
      try progress.take(try event(#"{"errorDetail":{"message":"it failed"},"error":"it failed"}"#), now: 9)
    }
    #expect(error?.message == "it failed")
  }

  @Test func theClassicStreamIsUnderstoodToo() throws {
    var progress = BuildProgress()
    #expect(try progress.take(event(#"{"stream":"Step 1/1 : FROM x\n"}"#), now: 1) == .note("Step 1/1 : FROM x"))
    #expect(try progress.take(event(#"{"aux":{"ID":"sha256:cd"}}"#), now: 1) == .none)
    #expect(progress.id == "sha256:cd")
  }
}
