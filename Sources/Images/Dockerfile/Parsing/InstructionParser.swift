import Model

/// Reads the arguments of one instruction.
struct InstructionParser {
  private let line: InstructionLine
  private let lastLine: Int
  private let keyword: Keyword

  /// - Throws: `invalidArgument` for a word that no instruction begins with.
  init(_ line: InstructionLine, lastLine: Int) throws {
    self.line = line
    self.lastLine = lastLine
    guard let keyword = Keyword(rawValue: line.keyword.text.uppercased()) else {
      let known = Keyword.allCases.map(\.rawValue).joined(separator: ", ")
      throw line.failure("unknown instruction: \(line.keyword.text.prefix(60)), expected one of \(known)")
    }
    self.keyword = keyword
  }

  /// Whether lines of here-documents follow: `RUN`, `COPY`, `ADD` and triggers of these, unless in exec form.
  static func takesHeredocs(_ line: InstructionLine) throws -> Bool {
    switch Keyword(rawValue: line.keyword.text.uppercased()) {
    case .run, .copy, .add: return try line.list() == nil
    case .onbuild:
      guard !line.rest.isEmpty else { return false }
      let inner = try InstructionLine(line.rest, escape: line.escape, file: line.file)
      return Keyword(rawValue: inner.keyword.text.uppercased()) == .onbuild ? false : try takesHeredocs(inner)
    default: return false
    }
  }

  func parse() throws -> Instruction {
    Instruction(kind: try kind(), position: line.position, lastLine: lastLine, text: line.whole.text)
  }

  private func kind() throws -> Instruction.Kind {
    switch keyword {
    case .from: throw line.failure("FROM begins a stage and cannot stand here")
    case .run: return .run(try run())
    case .copy, .add: return try copy()
    case .env: return .env(try pairs())
    case .label: return .label(try pairs())
    case .arg: return .arg(try arguments())
    case .expose: return .expose(try plain { try nonEmpty(line.blankWords()) })
    case .volume: return .volume(try volumes())
    case .user: return .user(try plain { try one() })
    case .workdir: return .workdir(try plain { try one() })
    case .stopsignal: return .stopsignal(try plain { try one() })
    case .maintainer: return .maintainer(try plain { try one() }.text)
    case .cmd: return .cmd(try plain { try command() })
    case .entrypoint: return .entrypoint(try plain { try command() })
    case .shell: return .shell(try shell())
    case .healthcheck: return .healthcheck(try HealthcheckLine.parse(line))
    case .onbuild: return .onbuild(try trigger())
    }
  }

  /// For instructions without flags.
  private func plain<Result>(_ body: () throws -> Result) throws -> Result {
    _ = try FlagValues(line.flags, of: keyword)
    return try body()
  }

  private func one() throws -> Word {
    guard !line.rest.isEmpty else {
      throw line.missing("one argument: \(keyword.rawValue) requires exactly one argument")
    }
    return line.word(line.rest)
  }

  private func nonEmpty(_ words: [Word]) throws -> [Word] {
    guard !words.isEmpty else {
      throw line.missing("an argument: \(keyword.rawValue) requires at least one argument")
    }
    return words
  }

  private func command() throws -> CommandLine {
    try line.list().map(CommandLine.exec) ?? .shell(line.rest.text)
  }

  private func listOrWords() throws -> [Word] {
    guard let list = try line.list() else { return try line.blankWords() }
    let position = line.word(line.rest).position
    return list.map { Word($0, at: position) }
  }

  private func run() throws -> RunInstruction {
    let flags = try FlagValues(line.flags, of: .run, single: ["network", "security"], several: ["mount"])
    let command = try command()
    if command == .shell("") || command == .exec([]) {
      throw line.missing("a command: RUN requires at least one argument")
    }
    let mounts = flags.words("mount")
    for mount in mounts { try RunMount.check(mount) }
    return RunInstruction(
      command: command, heredocs: line.heredocs, mounts: mounts,
      network: try choice(flags.word("network"), "network mode", standard: .default),
      security: try choice(flags.word("security"), "security mode", standard: .sandbox))
  }

  private func choice<Choice: RawRepresentable<String> & CaseIterable>(
    _ word: Word?, _ what: String, standard: Choice
  ) throws -> Choice {
    guard let word else { return standard }
    guard let choice = Choice(rawValue: word.text) else {
      let known = Choice.allCases.map(\.rawValue).joined(separator: ", ")
      throw PlatformError.syntax(word.position, "invalid \(what) '\(word.text.prefix(60))', expected one of \(known)")
    }
    return choice
  }

  private func copy() throws -> Instruction.Kind {
    let isAdd = keyword == .add
    let words = try listOrWords()
    let flags = try FlagValues(
      line.flags, of: keyword, single: ["chown", "chmod"] + (isAdd ? ["checksum"] : ["from"]), several: ["exclude"],
      switches: ["link"] + (isAdd ? ["keep-git-dir", "unpack"] : ["parents"]))
    guard words.count > 1, let destination = words.last else {
      throw line.missing(
        "a destination: \(keyword.rawValue) requires at least two arguments, but only \(words.count) provided")
    }
    guard Heredoc.mark(in: destination.text) == nil else {
      throw PlatformError.syntax(
        destination.position, "\(keyword.rawValue) cannot accept a heredoc as a destination, expected a path")
    }
    let from = flags.word("from")
    if let from, from.text.isEmpty || from.text.utf8.contains(UInt8(ascii: "$")) {
      throw PlatformError.syntax(
        from.position,
        "expected a stage or an image for --from; variables are not expanded there: define a stage by FROM with a global ARG"
      )
    }
    var files: [Heredoc] = []
    var sources: [Word] = []
    for word in words.dropLast() {
      if let mark = Heredoc.mark(in: word.text), let file = line.heredocs.last(where: { $0.name == mark.name }) {
        files.append(file)
      } else {
        sources.append(word)
      }
    }
    var instruction = CopyInstruction(sources: sources, heredocs: files, destination: destination)
    instruction.from = from
    instruction.owner = flags.word("chown")
    instruction.mode = flags.word("chmod")
    instruction.isLinked = try flags.isOn("link") ?? false
    instruction.keepsParents = try flags.isOn("parents") ?? false
    instruction.excludes = flags.words("exclude")
    instruction.checksum = flags.word("checksum")
    instruction.keepsGitDirectory = try flags.isOn("keep-git-dir")
    instruction.unpacks = try flags.isOn("unpack")
    return isAdd ? .add(instruction) : .copy(instruction)
  }

  private func pairs() throws -> [NameValue] {
    _ = try FlagValues(line.flags, of: keyword)
    let words = try nonEmpty(line.quotedWords())
    guard words[0].text.utf8.contains(UInt8(ascii: "=")) else { return [try oldForm()] }
    return try words.map { word in
      guard let (name, value) = split(word) else {
        throw PlatformError.syntax(
          word.position, "Syntax error - can't find = in '\(word.text.prefix(60))', expected name=value")
      }
      return NameValue(name: try named(name), value: value, isOldForm: false)
    }
  }

  /// `NAME everything else`.
  private func oldForm() throws -> NameValue {
    let end = line.rest.scalars.firstIndex(where: \.isBlank) ?? line.rest.count
    let value = line.rest[end..<line.rest.count].withoutLeadingBlanks
    guard !value.isEmpty else {
      throw line.missing("a value: \(keyword.rawValue) must have two arguments")
    }
    return NameValue(name: line.word(line.rest[0..<end]), value: line.word(value), isOldForm: true)
  }

  private func split(_ word: Word) -> (Word, Word)? {
    let name = word.text.unicodeScalars.prefix { $0 != "=" }
    guard name.count < word.text.unicodeScalars.count else { return nil }
    return (word.prefix(name.count), word.suffix(from: name.count + 1))
  }

  private func named(_ name: Word) throws -> Word {
    guard !name.text.isEmpty else {
      throw PlatformError.syntax(name.position, "\(keyword.rawValue) names can not be blank, expected a name before =")
    }
    return name
  }

  private func arguments() throws -> [Argument] {
    _ = try FlagValues(line.flags, of: keyword)
    return try nonEmpty(line.quotedWords()).map { word in
      guard let (name, value) = split(word) else { return Argument(name: word, value: nil) }
      return Argument(name: try named(name), value: value)
    }
  }

  private func volumes() throws -> [Word] {
    try plain {
      try nonEmpty(listOrWords()).map { word in
        guard !word.text.unicodeScalars.allSatisfy(\.isSpace) else {
          throw PlatformError.syntax(word.position, "VOLUME specified can not be an empty string, expected a path")
        }
        return word
      }
    }
  }

  private func shell() throws -> [String] {
    try plain {
      guard let list = try line.list() else {
        guard !line.rest.isEmpty else { throw line.missing("an argument: SHELL requires at least one argument") }
        throw PlatformError.syntax(
          line.word(line.rest).position, "SHELL requires the arguments to be in JSON form, expected [\"…\", …]")
      }
      guard !list.isEmpty else { throw line.missing("an argument: SHELL requires at least one argument") }
      return list
    }
  }

  private func trigger() throws -> Trigger {
    try plain {
      guard !line.rest.isEmpty else {
        throw line.missing("an instruction: ONBUILD requires at least one argument")
      }
      var inner = try InstructionLine(line.rest, escape: line.escape, file: line.file)
      inner.heredocs = line.heredocs
      let parser = try InstructionParser(inner, lastLine: lastLine)
      switch parser.keyword {
      case .onbuild: throw inner.failure("Chaining ONBUILD via `ONBUILD ONBUILD` isn't allowed")
      case .from, .maintainer:
        throw inner.failure("\(parser.keyword.rawValue) isn't allowed as an ONBUILD trigger")
      default: break
      }
      _ = try parser.parse()
      let text = line.heredocs.reduce(line.rest.text) { $0 + "\n" + $1.content + $1.name }
      return Trigger(text: text, instruction: parser.keyword)
    }
  }
}
