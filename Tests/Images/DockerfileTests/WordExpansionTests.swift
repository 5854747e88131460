import Model
import Testing

@testable import Dockerfile

@Suite struct WordExpansionTests {
  private static let variables = ["a": "value", "empty": "", "path": "/usr/local/lib.so.so", "two": "x y", "n1": "one"]

  private func expand(_ text: String, escape: Unicode.Scalar = "\\") throws -> String {
    let place = SourcePosition(file: "D", line: 1, column: 1)
    return try WordExpansion(escape: escape, variables: Self.variables).expand(Word(text, at: place)).text
  }

  @Test(arguments: [
    ("plain", "plain"), ("$a", "value"), ("${a}", "value"), ("x$a/y", "xvalue/y"), ("$absent-", "-"), ("$", "$"),
    ("$$a", "a"), ("\\$a", "$a"), ("'$a'", "$a"), ("\"$a\"", "value"), ("\"\\$a\"", "$a"), ("\"\\x\"", "\\x"),
    ("a\\ b", "a b"), ("\\", ""), ("$1x", "x"), ("$n1", "one"), ("'it'\"'s\"", "it's"),
    ("${absent:-d}", "d"), ("${empty:-d}", "d"), ("${empty-d}", ""), ("${a:-d}", "value"), ("${absent-$a}", "value"),
    ("${absent:-${empty:-deep}}", "deep"), ("${a:+set}", "set"), ("${empty:+set}", ""), ("${empty+set}", "set"),
    ("${absent+set}", ""), ("${a:?m}", "value"), ("${empty?m}", ""), ("${absent:-'a}b'}", "a}b"),
    ("${path#*/}", "usr/local/lib.so.so"), ("${path##*/}", "lib.so.so"), ("${path%.*}", "/usr/local/lib.so"),
    ("${path%%.*}", "/usr/local/lib"), ("${path#x}", "/usr/local/lib.so.so"), ("${a#?}", "alue"), ("${a%?}", "valu"),
    ("${a#\\*}", "value"), ("${path/so/a}", "/usr/local/lib.a.so"), ("${path//so/a}", "/usr/local/lib.a.a"),
    ("${path/\\/usr/}", "/local/lib.so.so"), ("${a/?a/x}", "xlue"), ("${a/*/x}", "x"), ("${a//?/x}", "xxxxx"),
    ("${a/u*/x}", "valx"), ("${a//z/x}", "value"), ("${absent/a/b}", ""), ("${a/%/x}", "value"), ("<<x", "<<x"),
    ("${two}", "x y"),
  ])
  func wordsExpand(text: String, expected: String) throws {
    #expect(try expand(text) == expected)
  }

  @Test func theEscapeCharacterIsTheFiles() throws {
    #expect(try expand("`$a\\b", escape: "`") == "$a\\b")
    #expect(try expand("\"`$a`x\"", escape: "`") == "$a`x")
  }

  @Test(arguments: [
    ("$two b", ["x", "y", "b"]), ("\"$two\" b", ["x y", "b"]), ("$empty", []), ("'' a", ["a"]),
    ("a\\ b c", ["a b", "c"]),
    ("  a\t b ", ["a", "b"]),
  ])
  func wordsArePartedAfterTheyExpand(text: String, expected: [String]) throws {
    let expansion = WordExpansion(escape: "\\", variables: Self.variables)
    let words = try expansion.words(Word(text, at: SourcePosition(file: "D", line: 1, column: 1)))
    #expect(words.map(\.text) == expected)
  }

  @Test(arguments: [
    ("ab${", "D:1:3: syntax error: missing '}'"), ("${a", "D:1:1: syntax error: missing '}'"),
    ("${}", "D:1:3: syntax error: bad substitution"), ("${:x}", "D:1:3: syntax error: bad substitution"),
    ("${a:-x", "D:1:7: syntax error: missing '}'"), ("${a/x}", "D:1:7: syntax error: missing '/'"),
    ("${a:=x}", "D:1:5: unsupported modifier (:=)"), ("${a@x}", "D:1:4: unsupported modifier (@)"),
    ("x'a", "D:1:2: unexpected end of statement while looking for matching single-quote"),
    ("\"a", "D:1:1: unexpected end of statement while looking for matching double-quote"),
    ("${absent?}", "D:1:1: absent: is not allowed to be unset"),
    ("${empty:?}", "D:1:1: empty: is not allowed to be empty"),
    ("${absent:?give it}", "D:1:1: absent: give it"), ("${a#\\x}", "D:1:1: invalid pattern (\\x) in substitution"),
  ])
  func wrongSubstitutionsHaveAPlace(text: String, start: String) {
    let error = #expect(throws: PlatformError.self) { try expand(text) }
    #expect(error?.code == .invalidArgument && error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  @Test func whatExpandsIsBounded() throws {
    let place = SourcePosition(file: "D", line: 1, column: 1)
    let long = String(repeating: "x", count: 70_000)
    let expansion = WordExpansion(escape: "\\", variables: ["l": long])
    for text in ["$l$l", "${l//x/yy}", String(repeating: "${l:+", count: 40), "${l#" + long + "}"] {
      #expect(throws: PlatformError.self) { try expansion.expand(Word(text, at: place)) }
    }
    // Many wildcards over a long value: linear, not exponential.
    let stars = String(repeating: "*x", count: 200) + "z"
    let value = String(repeating: "x", count: 5_000)
    let other = WordExpansion(escape: "\\", variables: ["l": value])
    #expect(try other.expand(Word("${l##\(stars)}", at: place)).text == value)
  }

  @Test func bodiesKeepTheirQuotes() throws {
    var heredoc = try #require(Heredoc.mark(in: "<<-E"))
    heredoc.content = "\t'$a' \"\\$a\"\n"
    let expansion = WordExpansion(escape: "`", variables: Self.variables)
    #expect(try expansion.expandBody(of: heredoc) == "'value' \"$a\"\n")
  }

  @Test func instructionsExpandWhatTheReferenceNames() throws {
    let text = """
      FROM x
      ENV k$a="v $two"
      LABEL $a=1
      EXPOSE $two
      COPY --chown=$a --chmod=$n1 --exclude=$a $a/* /$n1/
      USER $a
      WORKDIR /$a
      VOLUME ["/$a"]
      STOPSIGNAL $a
      CMD $a
      ONBUILD RUN $a
      """
    let expansion = WordExpansion(escape: "\\", variables: Self.variables)
    let all = try DockerfileParser.parse(Array(text.utf8)).stages[0].instructions.map {
      try $0.expanded(expansion).kind
    }
    guard case .env(let env) = all[0], case .label(let label) = all[1], case .expose(let ports) = all[2],
      case .copy(let copy) = all[3], case .user(let user) = all[4], case .workdir(let directory) = all[5],
      case .volume(let volume) = all[6], case .stopsignal(let signal) = all[7], case .cmd(let command) = all[8],
      case .onbuild(let trigger) = all[9]
    else { return #expect(Bool(false)) }
    #expect(env[0].name.text == "kvalue" && env[0].value.text == "v x y" && label[0].name.text == "value")
    #expect(ports.map(\.text) == ["x", "y"] && copy.owner?.text == "value" && copy.mode?.text == "one")
    #expect(copy.sources.map(\.text) == ["value/*"] && copy.destination.text == "/one/")
    #expect(copy.excludes.map(\.text) == ["$a"] && user.text == "value" && directory.text == "/value")
    #expect(volume.map(\.text) == ["/value"] && signal.text == "value")
    #expect(command == .shell("$a") && trigger.text == "RUN $a")
  }

  @Test func argumentsAndVariablesTakeTurns() throws {
    let file = try DockerfileParser.parse(
      Array("ARG V=1 W=$V\nFROM a:$W\nARG V\nARG x=$V y=$x\nENV x=env\nARG x=later z\n".utf8))
    let platform = BuildArguments.Platform(os: "linux", architecture: "arm64", variant: "v8")
    let build = try BuildArguments(
      file, given: ["V": "2", "HTTP_PROXY": "p", "odd": "1", "TARGETOS": "own"], target: platform,
      build: BuildArguments.Platform(os: "linux", architecture: "amd64"))
    let from = WordExpansion(escape: "\\", variables: build.global)
    #expect(try from.expand(file.stages[0].base).text == "a:2" && build.global["TARGETPLATFORM"] == "linux/arm64/v8")
    #expect(build.global["BUILDARCH"] == "amd64" && build.global["TARGETOS"] == "own")
    #expect(build.unused(in: file) == ["odd"])
    var variables = StageVariables(environment: ["PATH=/bin", "x=base"])
    var declared: [String] = []
    for instruction in file.stages[0].instructions {
      switch instruction.kind {
      case .arg(let arguments):
        declared += try variables.declare(arguments, in: build, escape: "\\").map { "\($0.name)=\($0.value ?? "-")" }
      case .env(let pairs): for pair in pairs { variables.set(pair.name.text, pair.value.text) }
      default: break
      }
    }
    #expect(declared == ["V=2", "x=2", "y=2", "x=later", "z=-"])
    #expect(variables.all == ["PATH": "/bin", "x": "later", "V": "2", "y": "2"])
    #expect(variables.argumentNames == ["V", "y"])
  }

  @Test func mountsExpand() throws {
    let text =
      "FROM a\nRUN --mount=type=$kind,id=c-$a,target=/x,sharing=locked,uid=5,mode=0750 --mount=type=secret,id=k,env=K,required x"
    let file = try DockerfileParser.parse(Array(text.utf8))
    guard case .run(let run) = file.stages[0].instructions[0].kind else { return #expect(Bool(false)) }
    let mounts = try run.resolvedMounts(WordExpansion(escape: "\\", variables: ["kind": "cache", "a": "b"]))
    #expect(mounts[0].kind == .cache && mounts[0].id == "c-b" && mounts[0].sharing == .locked)
    #expect(mounts[0].uid == 5 && mounts[0].mode == 0o750 && !mounts[0].isReadOnly)
    #expect(mounts[1].kind == .secret && mounts[1].environmentName == "K" && mounts[1].isRequired)
    let error = #expect(throws: PlatformError.self) {
      try run.resolvedMounts(WordExpansion(escape: "\\", variables: [:]))
    }
    #expect(error?.message.hasPrefix("Dockerfile:2:18: unsupported mount type ''") == true)
  }
}
