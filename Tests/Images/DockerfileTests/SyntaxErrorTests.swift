import Model
import Testing

@testable import Dockerfile

@Suite struct SyntaxErrorTests {
  /// The Dockerfile and how its error begins.
  @Test(arguments: [
    ("", "Dockerfile:1:1: file with no instructions"), ("# only\n", "Dockerfile:1:1: file with no instructions"),
    ("ARG a\n", "Dockerfile:1:1: expected FROM, found only ARG"),
    ("RUN a", "Dockerfile:1:1: no build stage in current"),
    ("FROM", "Dockerfile:1:5: expected an image or a stage"),
    ("FROM a b", "Dockerfile:1:8: FROM requires either one or"),
    ("FROM a AS", "Dockerfile:1:10: expected a name after AS"), ("FROM a AS 1x", "Dockerfile:1:11: invalid name for"),
    ("FROM a AS b c", "Dockerfile:1:13: FROM requires either one or three"),
    ("FROM --pull a", "Dockerfile:1:6: unknown flag: --pull, expected --platform"),
    ("FROM --platform a", "Dockerfile:1:16: missing a value on flag: --platform"),
    ("FROM a\n\n  RUNN b", "Dockerfile:3:3: unknown instruction: RUNN, expected one of ADD, ARG,"),
    ("# escape=x\nFROM a", "Dockerfile:1:10: expected \\ or ` as escape"),
    ("# escape=`\n# escape=`\nFROM a", "Dockerfile:2:1: only one escape parser directive"),
    ("FROM a\nRUN", "Dockerfile:2:4: expected a command"), ("FROM a\nRUN []", "Dockerfile:2:7: expected a command"),
    ("FROM a\nRUN [1]", "Dockerfile:2:5: when using JSON array syntax"),
    ("FROM a\nRUN [\"a\", null]", "Dockerfile:2:5: when using JSON array syntax"),
    ("FROM a\nRUN --network=lan a", "Dockerfile:2:15: invalid network mode 'lan', expected one of default, none, host"),
    ("FROM a\nRUN --security=x a", "Dockerfile:2:16: invalid security mode 'x', expected one of sandbox, insecure"),
    ("FROM a\nRUN --network=none --network=host a", "Dockerfile:2:20: duplicate flag specified: --network"),
    ("FROM a\nRUN --mount=\"type=cache a", "Dockerfile:2:13: the quote is not closed"),
    ("FROM a\nRUN --mount=type=nfs,target=/x a", "Dockerfile:2:18: unsupported mount type 'nfs', expected one of bind"),
    ("FROM a\nRUN --mount=type=cache a", "Dockerfile:2:13: a cache mount needs a target"),
    ("FROM a\nRUN --mount=type=cache,target=/x,mod=1 a", "Dockerfile:2:34: unexpected key 'mod' in 'mod=1', expected"),
    (
      "FROM a\nRUN --mount=type=cache,target=/x,mode=9 a",
      "Dockerfile:2:39: invalid value for mode: '9', expected an octal"
    ),
    (
      "FROM a\nRUN --mount=type=cache,target=/x,size=1 a",
      "Dockerfile:2:34: unexpected key 'size' for mount type 'cache'"
    ),
    (
      "FROM a\nRUN --mount=type=tmpfs,target=/x,size=y a",
      "Dockerfile:2:39: invalid value for size: 'y', expected a size"
    ),
    ("FROM a\nRUN --mount=type=secret a", "Dockerfile:2:13: invalid secret mount. one of source, target required"),
    ("FROM a\nRUN --mount=type=secret,id=a,src=b a", "Dockerfile:2:13: both source and id can't be set"),
    ("FROM a\nRUN --mount=target=/x,uid=1 a", "Dockerfile:2:13: uid not allowed for 'bind' type mounts"),
    ("FROM a\nRUN --mount=from=$x,target=/$y a", "Dockerfile:2:13: 'from' doesn't support variable expansion"),
    ("FROM a\nRUN --mount=target=/x,shared a", "Dockerfile:2:23: invalid field 'shared' must be a key=value pair"),
    ("FROM a\nCOPY a", "Dockerfile:2:7: expected a destination"),
    ("FROM a\nADD", "Dockerfile:2:4: expected a destination"),
    ("FROM a\nCOPY a <<E\nE\n", "Dockerfile:2:8: COPY cannot accept a heredoc as a destination"),
    ("FROM a\nCOPY <<E /x\nE x\n", "Dockerfile:2:1: unterminated heredoc: expected a line 'E'"),
    ("FROM a\nCOPY --from=$x a b", "Dockerfile:2:13: expected a stage or an image for --from"),
    ("FROM a\nCOPY --link=maybe a b", "Dockerfile:2:13: expected true or false for --link, found 'maybe'"),
    ("FROM a\nCOPY --link= a b", "Dockerfile:2:12: missing a value on flag: --link"),
    ("FROM a\nCOPY --checksum=x a b", "Dockerfile:2:6: unknown flag: --checksum, expected --chown,"),
    ("FROM a\nADD --parents a b", "Dockerfile:2:5: unknown flag: --parents"),
    ("FROM a\nENV", "Dockerfile:2:4: expected an argument"),
    ("FROM a\nENV a", "Dockerfile:2:6: expected a value: ENV must"),
    ("FROM a\nENV a=1 b", "Dockerfile:2:9: Syntax error - can't find = in 'b'"),
    ("FROM a\nLABEL =b", "Dockerfile:2:7: LABEL names can not be blank"),
    ("FROM a\nARG =b", "Dockerfile:2:5: ARG names"),
    ("FROM a\nARG", "Dockerfile:2:4: expected an argument"), ("FROM a\nEXPOSE", "Dockerfile:2:7: expected an argument"),
    ("FROM a\nUSER", "Dockerfile:2:5: expected one argument"), ("FROM a\nWORKDIR  ", "Dockerfile:2:8: expected one"),
    ("FROM a\nVOLUME [\"\"]", "Dockerfile:2:8: VOLUME specified can not be an empty string"),
    ("FROM a\nVOLUME []", "Dockerfile:2:10: expected an argument"),
    ("FROM a\nSHELL bash", "Dockerfile:2:7: SHELL requires"),
    ("FROM a\nSHELL []", "Dockerfile:2:9: expected an argument"),
    ("FROM a\nSTOPSIGNAL", "Dockerfile:2:11: expected one"),
    ("FROM a\nHEALTHCHECK", "Dockerfile:2:12: expected CMD or NONE"),
    ("FROM a\nHEALTHCHECK CMD", "Dockerfile:2:16: expected a command"),
    ("FROM a\nHEALTHCHECK NONE x", "Dockerfile:2:18: HEALTHCHECK NONE takes no arguments"),
    ("FROM a\nHEALTHCHECK RUN x", "Dockerfile:2:13: Unknown type 'RUN' in HEALTHCHECK, expected CMD or NONE"),
    ("FROM a\nHEALTHCHECK --interval=soon CMD x", "Dockerfile:2:24: expected a duration"),
    ("FROM a\nHEALTHCHECK --interval=1us CMD x", "Dockerfile:2:24: --interval cannot be less than 1ms"),
    ("FROM a\nHEALTHCHECK --retries=-1 CMD x", "Dockerfile:2:23: expected a number for --retries"),
    ("FROM a\nONBUILD", "Dockerfile:2:8: expected an instruction"),
    ("FROM a\nONBUILD ONBUILD RUN a", "Dockerfile:2:9: Chaining ONBUILD"),
    ("FROM a\nONBUILD FROM b", "Dockerfile:2:9: FROM isn't allowed as an ONBUILD trigger"),
    ("FROM a\nONBUILD COPY b", "Dockerfile:2:15: expected a destination"),
    ("FROM a\nUSER --x y", "Dockerfile:2:6: unknown flag: --x, USER has none"),
    ("FROM a\nRUN a \\\n  b\nUSER", "Dockerfile:4:5: expected one argument"),
    // The flag stands on the second line of its instruction.
    ("FROM a\nCOPY \\\n  --chmo=1 a b", "Dockerfile:3:3: unknown flag: --chmo"),
    ("FROM a\nRUN a\0b", "Dockerfile:2:6: expected UTF-8 text"),
  ])
  func errorsHaveAPlace(text: String, start: String) {
    let error = #expect(throws: PlatformError.self) { try DockerfileParser.parse(Array(text.utf8)) }
    #expect(error?.code == .invalidArgument)
    #expect(error?.message.hasPrefix(start) == true, "\(error?.message ?? "")")
  }

  @Test func whatIsNoTextIsRefused() {
    let error = #expect(throws: PlatformError.self) { try DockerfileParser.parse([70, 82, 10, 0xFF]) }
    #expect(error?.message == "Dockerfile:2:1: expected UTF-8 text")
  }

  private static let tooMuch = [
    String(repeating: "#", count: DockerfileLimits.fileBytes + 1),
    "FROM a\nRUN " + String(repeating: "x", count: DockerfileLimits.lineScalars),
    "FROM a\n" + String(repeating: "RUN a\n", count: DockerfileLimits.instructions),
    String(repeating: "FROM a\n", count: DockerfileLimits.stages + 1),
    "FROM a\nRUN " + String(repeating: String(repeating: "x", count: 60_000) + "\\\n", count: 20),
    "FROM a\nRUN " + String(repeating: "<<E ", count: DockerfileLimits.heredocs + 1),
    "FROM a\nVOLUME " + String(repeating: "a ", count: DockerfileLimits.words + 1),
  ]

  @Test(arguments: tooMuch.indices) func boundsHold(index: Int) {
    let error = #expect(throws: PlatformError.self) { try DockerfileParser.parse(Array(Self.tooMuch[index].utf8)) }
    #expect(error?.code == .resourceExhausted)
  }
}
