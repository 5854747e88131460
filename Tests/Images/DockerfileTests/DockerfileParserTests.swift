import Model
import Testing

@testable import Dockerfile

@Suite struct DockerfileParserTests {
  private func parse(_ text: String) throws -> ParsedDockerfile { try DockerfileParser.parse(Array(text.utf8)) }

  private func first(_ text: String) throws -> Instruction.Kind {
    let instruction = try parse("FROM a\n" + text).stages[0].instructions.first
    return try #require(instruction).kind
  }

  @Test func stagesHaveNamesAndTargets() throws {
    let file = try parse(
      """
      # syntax=docker/dockerfile:1
      # escape=`
      # a comment
      ARG VERSION=1 OTHER
      FROM --platform=$BUILDPLATFORM debian:${VERSION} AS Build
      RUN a `
        # in between
        b
      FROM scratch
      COPY --from=build /x /y
      COPY --from=0 /x /z
      COPY --from=busybox /x /w
      """)
    #expect(file.directives.syntax == "docker/dockerfile:1" && file.directives.escape == "`")
    #expect(file.globalArguments.count == 1 && file.stages.count == 2)
    #expect(file.stages[0].name == "build" && file.stages[0].base.text == "debian:${VERSION}")
    #expect(file.stages[0].platform?.text == "$BUILDPLATFORM" && file.stages[1].displayName == "stage-1")
    let run = file.stages[0].instructions[0]
    #expect(run.text == "RUN a   b" && run.position.line == 6 && run.lastLine == 8)
    let sources = try file.stages[1].instructions.map { instruction -> String? in
      guard case .copy(let copy) = instruction.kind, let from = copy.from else { return nil }
      return try file.source(from, of: 1)?.name
    }
    #expect(sources == ["build", "build", nil])
    #expect(try file.target("BUILD").index == 0)
    #expect(try file.target("1").index == 1)
    #expect(try file.target("").index == 1)
    let absent = #expect(throws: PlatformError.self) { try file.target("nope") }
    #expect(absent?.message == "target stage 'nope' could not be found")
  }

  @Test func laterStagesAreNoSources() throws {
    let file = try parse("FROM a AS one\nCOPY --from=two /x /y\nCOPY --from=1 /x /y\nFROM b AS two\n")
    for instruction in file.stages[0].instructions {
      guard case .copy(let copy) = instruction.kind, let from = copy.from else { continue }
      let error = #expect(throws: PlatformError.self) { try file.source(from, of: 0) }
      #expect(error?.message.hasPrefix("Dockerfile:\(instruction.position.line):13: ") == true)
    }
  }

  @Test(arguments: [
    ("RUN echo  'a b'", CommandLine.shell("echo  'a b'")), ("run [\"a\", \"b c\"]", .exec(["a", "b c"])),
    ("RUN [not json", .shell("[not json")), ("RUN --network=none a", .shell("a")),
    ("RUN -- --x", .shell("--x")), ("RUN a \\\n\n b", .shell("a  b")), ("RUN a\\\\\nRUN b", .shell("a\\\\")),
  ])
  func commandsHaveTwoForms(text: String, command: Dockerfile.CommandLine) throws {
    guard case .run(let run) = try first(text) else { return #expect(Bool(false)) }
    #expect(run.command == command)
  }

  /// What is no JSON list is a command for the shell.
  @Test(
    arguments: [
      (#"["a\n\u0041\ud83d\ude00\/","\ud83dx"]"#, ["a\nA\u{1F600}/", "\u{FFFD}x"]), ("[ ]", []),
      ("[ \"a\" , \"b\"]", ["a", "b"]),
      (#"["a",]"#, nil), (#"["a" "b"]"#, nil), (#"["\x"]"#, nil), (#"["a"] ]"#, nil), (#"["\u12"]"#, nil), ("[a]", nil),
      ("[01]", nil), ("[\"a\tb\"]", nil),
      ("[" + String(repeating: "[", count: 100) + String(repeating: "]", count: 101), nil),
    ] as [(String, [String]?)])
  func listsAreJSON(text: String, expected: [String]?) throws {
    guard case .cmd(let command) = try first("CMD " + text) else { return #expect(Bool(false)) }
    #expect(command == (expected.map(Dockerfile.CommandLine.exec) ?? .shell(text)))
  }

  @Test(arguments: ["[1]", "[null]", #"["a", {"b": [true, -1.5e3]}]"#, "[[]]"])
  func listsHoldStringsOnly(text: String) {
    #expect(throws: PlatformError.self) { try first("CMD " + text) }
  }

  @Test func heredocsAreGathered() throws {
    guard case .run(let script) = try first("RUN <<EOF\n#!/bin/sh\necho\nEOF\n") else { return #expect(Bool(false)) }
    #expect(script.program == .script(name: "EOF", content: "#!/bin/sh\necho\n"))
    guard case .run(let plain) = try first("RUN <<-'E'\n\t\techo $x\n\tE\n") else { return #expect(Bool(false)) }
    #expect(plain.program == .shell("echo $x\n") && plain.heredocs[0].expands == false)
    guard case .run(let several) = try first("RUN cat <<A <<B > /x\n1\nA\n2\nB\n") else {
      return #expect(Bool(false))
    }
    #expect(several.program == .shell("cat <<A <<B > /x\n1\nA\n2\nB"))
    guard case .copy(let copy) = try first("COPY <<one a <<\"two\" /dir/\nx=$x\none\ny=$y\ntwo\nRUN z") else {
      return #expect(Bool(false))
    }
    #expect(copy.sources.map(\.text) == ["a"] && copy.destination.text == "/dir/")
    #expect(copy.heredocs.map(\.name) == ["one", "two"] && copy.heredocs.map(\.expands) == [true, false])
    #expect(copy.heredocs.map(\.content) == ["x=$x\n", "y=$y\n"] && copy.heredocs[1].position.line == 5)
    guard case .onbuild(let trigger) = try first("ONBUILD RUN <<E\nx\nE\n") else { return #expect(Bool(false)) }
    #expect(trigger.text == "RUN <<E\nx\nE" && trigger.instruction == .run)
    // In a list, `<<` is an argument.
    guard case .run(let list) = try first("RUN [\"cat\", \"<<EOF\"]\nRUN b") else { return #expect(Bool(false)) }
    #expect(list.program == .exec(["cat", "<<EOF"]))
  }

  @Test func copiesHaveFlags() throws {
    let text =
      "COPY --from=x --chown=1:2 --chmod=755 --link --parents=true --exclude=*.a --exclude=b c \"d\" /e"
    guard case .copy(let copy) = try first(text) else { return #expect(Bool(false)) }
    #expect(copy.from?.text == "x" && copy.owner?.text == "1:2" && copy.mode?.text == "755")
    #expect(copy.isLinked && copy.keepsParents && copy.excludes.map(\.text) == ["*.a", "b"])
    #expect(copy.sources.map(\.text) == ["c", "\"d\""] && copy.destination.text == "/e")
    #expect(copy.owner?.position == SourcePosition(file: "Dockerfile", line: 2, column: 23))
    let sum = "ADD --checksum=sha256:00 --keep-git-dir --unpack=false [\"https://a b\", \"/x y/\"]"
    guard case .add(let add) = try first(sum) else { return #expect(Bool(false)) }
    #expect(add.checksum?.text == "sha256:00" && add.keepsGitDirectory == true && add.unpacks == false)
    #expect(add.sources.map(\.text) == ["https://a b"] && add.destination.text == "/x y/")
  }

  @Test func valuesKeepTheirQuotesUntilTheyExpand() throws {
    guard case .env(let pairs) = try first("ENV a=1 b=\"x y\" c=d\\ e f=") else { return #expect(Bool(false)) }
    #expect(pairs.map(\.name.text) == ["a", "b", "c", "f"])
    #expect(pairs.map(\.value.text) == ["1", "\"x y\"", "d\\ e", ""])
    guard case .label(let old) = try first("LABEL a  b  c") else { return #expect(Bool(false)) }
    #expect(old.map(\.value.text) == ["b  c"] && old[0].isOldForm)
    guard case .arg(let arguments) = try first("ARG a b= c=d=e") else { return #expect(Bool(false)) }
    #expect(arguments.map(\.name.text) == ["a", "b", "c"] && arguments.map { $0.value?.text } == [nil, "", "d=e"])
  }

  @Test func healthchecksAreRead() throws {
    let text =
      "HEALTHCHECK --interval=1m30s --timeout=500ms --start-period=0s --start-interval=2s --retries=3 CMD [\"a\"]"
    guard case .healthcheck(let check) = try first(text) else { return #expect(Bool(false)) }
    #expect(check.command == .exec(["a"]) && check.interval == 90_000_000_000 && check.timeout == 500_000_000)
    #expect(check.startPeriod == 0 && check.startInterval == 2_000_000_000 && check.retries == 3)
    guard case .healthcheck(let none) = try first("HEALTHCHECK none") else { return #expect(Bool(false)) }
    #expect(none.command == nil)
  }

  @Test func theRestIsRead() throws {
    #expect(try first("SHELL [\"/bin/bash\", \"-c\"]") == .shell(["/bin/bash", "-c"]))
    guard case .volume(let list) = try first("VOLUME [\"/a\", \"/b c\"]") else { return #expect(Bool(false)) }
    guard case .volume(let words) = try first("VOLUME /a /b") else { return #expect(Bool(false)) }
    #expect(list.map(\.text) == ["/a", "/b c"] && words.map(\.text) == ["/a", "/b"])
    guard case .expose(let ports) = try first("EXPOSE 80 53/udp") else { return #expect(Bool(false)) }
    #expect(ports.map(\.text) == ["80", "53/udp"])
    guard case .user(let user) = try first("USER a:b") else { return #expect(Bool(false)) }
    #expect(user.text == "a:b")
    guard case .cmd(let empty) = try first("CMD") else { return #expect(Bool(false)) }
    #expect(empty == .shell(""))
    #expect(try parse("\u{FEFF}FROM a\r\nMAINTAINER x y\r\n").stages[0].instructions[0].kind == .maintainer("x y"))
    #expect(try parse("FROM a\nMAINTAINER x\nRUN a\\\n\nb").warnings.map(\.position.line) == [2, 3])
  }

  @Test func aTriggerStandsAlone() throws {
    let instruction = try DockerfileParser.parseInstruction("COPY <<E /x\ny\nE", file: "ONBUILD of b")
    guard case .copy(let copy) = instruction.kind else { return #expect(Bool(false)) }
    #expect(copy.heredocs[0].content == "y\n")
    let two = #expect(throws: PlatformError.self) { try DockerfileParser.parseInstruction("RUN a\nRUN b", file: "t") }
    #expect(two?.message == "t:2:1: expected the end after one instruction")
  }
}
