/// One instruction of a stage, or a trigger.
public struct Instruction: Sendable, Hashable {
  public let kind: Kind
  /// Where its keyword stands.
  public let position: SourcePosition
  /// Its last line, here-documents included.
  public let lastLine: Int
  /// As written, continuation lines joined, comments in between and here-documents left out: what progress shows.
  public let text: String

  public enum Kind: Sendable, Hashable {
    case run(RunInstruction)
    case copy(CopyInstruction)
    case add(CopyInstruction)
    case env([NameValue])
    case arg([Argument])
    case label([NameValue])
    case expose([Word])
    case volume([Word])
    case user(Word)
    case workdir(Word)
    case cmd(CommandLine)
    case entrypoint(CommandLine)
    case healthcheck(Healthcheck)
    case onbuild(Trigger)
    case shell([String])
    case stopsignal(Word)
    case maintainer(String)
  }

  /// In capitals.
  public var keyword: Keyword { kind.keyword }
}

/// The words an instruction may begin with.
public enum Keyword: String, Sendable, Hashable, CaseIterable {
  case add = "ADD"
  case arg = "ARG"
  case cmd = "CMD"
  case copy = "COPY"
  case entrypoint = "ENTRYPOINT"
  case env = "ENV"
  case expose = "EXPOSE"
  case from = "FROM"
  case healthcheck = "HEALTHCHECK"
  case label = "LABEL"
  case maintainer = "MAINTAINER"
  case onbuild = "ONBUILD"
  case run = "RUN"
  case shell = "SHELL"
  case stopsignal = "STOPSIGNAL"
  case user = "USER"
  case volume = "VOLUME"
  case workdir = "WORKDIR"
}

extension Instruction.Kind {
  var keyword: Keyword {
    switch self {
    case .run: .run
    case .copy: .copy
    case .add: .add
    case .env: .env
    case .arg: .arg
    case .label: .label
    case .expose: .expose
    case .volume: .volume
    case .user: .user
    case .workdir: .workdir
    case .cmd: .cmd
    case .entrypoint: .entrypoint
    case .healthcheck: .healthcheck
    case .onbuild: .onbuild
    case .shell: .shell
    case .stopsignal: .stopsignal
    case .maintainer: .maintainer
    }
  }
}

/// Shell form or exec form.
public enum CommandLine: Sendable, Hashable {
  /// For the shell (`SHELL`), which expands it. Empty for `CMD` and `ENTRYPOINT` without anything.
  case shell(String)
  /// The arguments as they are.
  case exec([String])
}

public struct NameValue: Sendable, Hashable {
  public let name: Word
  public let value: Word
  /// `NAME value with blanks`, the older form.
  public let isOldForm: Bool
}

public struct Argument: Sendable, Hashable {
  public let name: Word
  public let value: Word?
}

public struct RunInstruction: Sendable, Hashable {
  public let command: CommandLine
  public let heredocs: [Heredoc]
  /// The values of `--mount=` as written; `resolvedMounts` reads them.
  public let mounts: [Word]
  public let network: Network
  public let security: Security

  public enum Network: String, Sendable, Hashable, CaseIterable { case `default`, none, host }
  public enum Security: String, Sendable, Hashable, CaseIterable { case sandbox, insecure }

  /// What is to run.
  public enum Program: Sendable, Hashable {
    /// The shell's last argument.
    case shell(String)
    case exec([String])
    /// The only here-document of the line begins with `#!`: it becomes an executable file of that name, which the shell
    /// is given.
    case script(name: String, content: String)
  }

  /// The command with its here-documents, as BuildKit hands them over.
  public var program: Program {
    guard case .shell(let line) = command else {
      if case .exec(let arguments) = command { return .exec(arguments) }
      return .shell("")
    }
    guard let first = heredocs.first else { return .shell(line) }
    guard Heredoc.mark(in: line) != nil else {
      return .shell(heredocs.reduce(line) { $0 + "\n" + $1.content + $1.name })
    }
    return first.content.hasPrefix("#!")
      ? .script(name: first.name, content: first.strippedContent) : .shell(first.strippedContent)
  }
}

/// `COPY` and `ADD`.
public struct CopyInstruction: Sendable, Hashable {
  /// Paths and patterns; for `ADD` also addresses.
  public internal(set) var sources: [Word]
  public internal(set) var heredocs: [Heredoc]
  public internal(set) var destination: Word
  /// A stage's name or number, or an image. Does not expand.
  public internal(set) var from: Word?
  public internal(set) var owner: Word?
  public internal(set) var mode: Word?
  public internal(set) var isLinked = false
  public internal(set) var keepsParents = false
  public internal(set) var excludes: [Word] = []
  // ADD only.
  public internal(set) var checksum: Word?
  public internal(set) var keepsGitDirectory: Bool?
  public internal(set) var unpacks: Bool?
}

public struct Healthcheck: Sendable, Hashable {
  /// Nil: `NONE`.
  public let command: CommandLine?
  /// Nanoseconds; 0 means the default.
  public let interval: Int64
  public let timeout: Int64
  public let startPeriod: Int64
  public let startInterval: Int64
  public let retries: Int
}

/// What `ONBUILD` keeps for builds on the image.
public struct Trigger: Sendable, Hashable {
  /// As the image's configuration has it, here-documents included.
  public let text: String
  public let instruction: Keyword
}

/// `<<NAME … NAME`.
public struct Heredoc: Sendable, Hashable {
  public let name: String
  public let fileDescriptor: Int
  /// No part of its name was quoted.
  public let expands: Bool
  /// `<<-`: tabs at the beginning of lines are dropped.
  public let stripsTabs: Bool
  /// The lines with their ends.
  public internal(set) var content = ""
  public internal(set) var position: SourcePosition

  public var strippedContent: String {
    guard stripsTabs else { return content }
    var result: [Unicode.Scalar] = []
    var isAtStart = true
    for scalar in content.unicodeScalars where !(isAtStart && scalar == "\t") {
      result.append(scalar)
      isAtStart = scalar == "\n"
    }
    return String(result)
  }
}
