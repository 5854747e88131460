import Model

/// Reads Dockerfiles. Everything that can be known without variables is checked here, with the place of the fault.
public enum DockerfileParser {
  /// - Parameter file: as messages are to name it.
  /// - Throws: `invalidArgument` with file, line and column for what is wrong; `resourceExhausted` beyond
  ///   `DockerfileLimits`.
  public static func parse(_ bytes: some Collection<UInt8>, file: String = "Dockerfile") throws -> ParsedDockerfile {
    var reader = InstructionReader(try SourceLines(bytes, file: file))
    var result = ParsedDockerfile()
    var count = 0
    while let (line, lastLine) = try reader.next() {
      count += 1
      guard count <= DockerfileLimits.instructions else {
        throw PlatformError(
          .resourceExhausted, "\(line.position): more than \(DockerfileLimits.instructions) instructions")
      }
      if Keyword(rawValue: line.keyword.text.uppercased()) == .from {
        guard result.stages.count < DockerfileLimits.stages else {
          throw PlatformError(.resourceExhausted, "\(line.position): more than \(DockerfileLimits.stages) stages")
        }
        result.stages.append(try StageLine.parse(line, index: result.stages.count))
        continue
      }
      let instruction = try InstructionParser(line, lastLine: lastLine).parse()
      if case .maintainer = instruction.kind {
        reader.warn(line.position, "MAINTAINER is deprecated in favor of using label")
      }
      if !result.stages.isEmpty {
        result.stages[result.stages.count - 1].instructions.append(instruction)
      } else if case .arg = instruction.kind {
        result.globalArguments.append(instruction)
      } else {
        throw line.failure(
          "no build stage in current context: expected FROM (or ARG) before \(instruction.keyword.rawValue)")
      }
    }
    guard !result.stages.isEmpty else {
      throw PlatformError.syntax(
        SourcePosition(file: file, line: max(1, reader.lineNumber), column: 1),
        count == 0 ? "file with no instructions, expected FROM" : "expected FROM, found only ARG")
    }
    result.directives = reader.directives
    result.warnings = reader.warnings
    return result
  }

  /// One instruction that stands by itself: a trigger of a base image, a `--change`. Its escape character is a backslash.
  /// - Parameter text: with its here-documents.
  public static func parseInstruction(_ text: String, file: String) throws -> Instruction {
    var reader = InstructionReader(try SourceLines(text.utf8, file: file))
    reader.endDirectives()
    guard let (line, lastLine) = try reader.next() else {
      throw PlatformError.syntax(SourcePosition(file: file, line: 1, column: 1), "expected an instruction")
    }
    let instruction = try InstructionParser(line, lastLine: lastLine).parse()
    if let (other, _) = try reader.next() { throw other.failure("expected the end after one instruction") }
    return instruction
  }
}

/// Joins continuation lines, drops comments and gathers here-documents.
struct InstructionReader {
  private var lines: SourceLines
  private var directiveReader = DirectiveReader()
  private var takesDirectives = true
  private(set) var warnings: [ParserWarning] = []

  init(_ lines: SourceLines) { self.lines = lines }

  var directives: ParserDirectives { directiveReader.directives }
  var lineNumber: Int { lines.lineNumber }

  mutating func endDirectives() { takesDirectives = false }

  mutating func warn(_ position: SourcePosition, _ message: String) {
    warnings.append(ParserWarning(position: position, message: message))
  }

  /// The next instruction and the number of its last line.
  mutating func next() throws -> (InstructionLine, Int)? {
    while let first = try lines.line() {
      let text = first.withoutLeadingSpace
      if takesDirectives {
        takesDirectives = try !text.isEmpty && directiveReader.read(text, file: lines.file)
      }
      if text.isEmpty || text.isComment { continue }
      let joined = try join(text)
      if joined.trimmed.isEmpty { continue }
      var line = try InstructionLine(joined, escape: directives.escape, file: lines.file)
      if try InstructionParser.takesHeredocs(line) { line.heredocs = try heredocs(of: line) }
      return (line, lines.lineNumber)
    }
    return nil
  }

  private mutating func join(_ first: Piece) throws -> Piece {
    guard var joined = first.continued(by: directives.escape) else { return first }
    var hasEmptyLine = false
    while let line = try lines.line() {
      if line.isComment { continue }
      if line.trimmed.isEmpty {
        hasEmptyLine = true
        continue
      }
      let continued = line.continued(by: directives.escape)
      joined.append(continued ?? line)
      guard joined.count <= DockerfileLimits.instructionScalars else {
        throw PlatformError(
          .resourceExhausted,
          "\(lines.file):\(lines.lineNumber):1: the instruction has more than \(DockerfileLimits.instructionScalars) characters"
        )
      }
      if continued == nil { break }
    }
    if hasEmptyLine, let place = joined.places.first {
      warn(place.position(in: lines.file), "empty continuation lines will become errors")
    }
    return joined
  }

  private mutating func heredocs(of line: InstructionLine) throws -> [Heredoc] {
    var heredocs = Heredoc.marks(in: line.whole.text)
    guard heredocs.count <= DockerfileLimits.heredocs else {
      throw PlatformError(
        .resourceExhausted, "\(line.position): more than \(DockerfileLimits.heredocs) here-documents")
    }
    for index in heredocs.indices {
      let terminator = Array(heredocs[index].name.unicodeScalars)
      heredocs[index].position = SourcePosition(file: lines.file, line: lines.lineNumber + 1, column: 1)
      var body: [Unicode.Scalar] = []
      while true {
        guard let raw = lines.rawLine() else {
          throw line.failure("unterminated heredoc: expected a line '\(heredocs[index].name.prefix(60))'")
        }
        var candidate = raw.trimmingLineEnd
        if heredocs[index].stripsTabs { candidate = candidate.drop { $0 == "\t" } }
        if candidate.elementsEqual(terminator) { break }
        body += raw
      }
      heredocs[index].content = String(body)
    }
    return heredocs
  }
}

/// `FROM [--platform=…] image [AS name]`.
enum StageLine {
  static func parse(_ line: InstructionLine, index: Int) throws -> BuildStage {
    let words = try line.blankWords()
    guard let base = words.first else { throw line.missing("an image or a stage after FROM") }
    if words.count > 1 && words[1].text.lowercased() != "as" {
      throw PlatformError.syntax(
        words[1].position,
        "FROM requires either one or three arguments: expected AS or the end, found '\(words[1].text.prefix(60))'")
    }
    if words.count == 2 { throw line.missing("a name after AS") }
    if words.count > 3 {
      throw PlatformError.syntax(
        words[3].position,
        "FROM requires either one or three arguments: expected the end, found '\(words[3].text.prefix(60))'")
    }
    let flags = try FlagValues(line.flags, of: .from, single: ["platform"])
    let name = try words.count == 3 ? stageName(words[2]) : nil
    return BuildStage(
      index: index, name: name, base: base, platform: flags.word("platform"), position: line.position,
      text: line.whole.text)
  }

  private static func stageName(_ word: Word) throws -> String {
    let name = word.text.lowercased()
    guard let first = name.utf8.first, (0x61...0x7A).contains(first),
      name.utf8.allSatisfy({ (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || "-_.".utf8.contains($0) })
    else {
      throw PlatformError.syntax(
        word.position,
        "invalid name for build stage: '\(word.text.prefix(60))', expected a letter and then letters, digits, - _ or .")
    }
    return name
  }
}
