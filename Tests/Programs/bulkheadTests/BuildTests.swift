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

  @Test(arguments: [(["--squash"], "--squash"), (["--ssh", "default"], "--ssh"), (["-o", "x"], "--output")])
  func whatIsMissingIsRefusedByName(arguments: [String], name: String) throws {
    let options = try options(arguments)
    let error = #expect(throws: ClientError.self) { try options.query() }
    #expect(error?.message.hasPrefix("\(name) is not supported") == true)
    #expect(error?.exitCode == ExitStatus.usage)
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
