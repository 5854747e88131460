import Dockerfile
import Model
import OCITypes

/// Applies instructions of a Dockerfile that alter an image's configuration: `--change` lines of `docker import` and
/// `docker commit`, and the same instructions of builds (Dockerfile reference at docs.docker.com).
public enum ImageChanges {
  private static let maximumLines = 1_000
  private static let maximumLineBytes = 64 << 10
  private static let maximumPorts = 65_536

  /// - Throws: `invalidArgument` naming the line that is wrong or not allowed here.
  public static func apply(_ lines: [String], to config: inout ImageExecution) throws {
    guard lines.count <= maximumLines else {
      throw PlatformError(.resourceExhausted, "more than \(maximumLines) changes")
    }
    for line in lines {
      guard line.utf8.count <= maximumLineBytes else {
        throw PlatformError(.resourceExhausted, "a change has more than \(maximumLineBytes) bytes")
      }
      let instruction = try DockerfileParser.parseInstruction(line, file: "change")
      let variables = StageVariables(environment: config.env ?? []).all
      let expanded = try instruction.expanded(WordExpansion(escape: "\\", variables: variables))
      guard try apply(expanded, to: &config) else {
        throw PlatformError(.invalidArgument, "\(instruction.keyword.rawValue) is not a valid change command")
      }
    }
  }

  /// Applies an instruction whose words are expanded.
  /// - Returns: false for one that does not only alter the configuration: `RUN`, `COPY`, `ADD`, `ARG`, `MAINTAINER`.
  /// - Throws: `invalidArgument`.
  public static func apply(_ instruction: Instruction, to config: inout ImageExecution) throws -> Bool {
    switch instruction.kind {
    case .cmd(let command): config.cmd = arguments(command, shell: config.shell)
    case .entrypoint(let command): config.entrypoint = arguments(command, shell: config.shell)
    case .env(let pairs): for pair in pairs { setVariable(pair.name.text, pair.value.text, in: &config) }
    case .label(let pairs):
      for pair in pairs { config.labels = (config.labels ?? [:]).merging([pair.name.text: pair.value.text]) { $1 } }
    case .expose(let words):
      for word in words {
        for port in try ExposedPorts.parse(word) {
          config.exposedPorts = (config.exposedPorts ?? [:]).merging([port: EmptyObject()]) { $1 }
        }
      }
      guard config.exposedPorts?.count ?? 0 <= maximumPorts else {
        throw PlatformError(.resourceExhausted, "\(instruction.position): more than \(maximumPorts) ports")
      }
    case .volume(let words):
      for word in words {
        guard !word.text.isEmpty else {
          throw PlatformError.syntax(word.position, "VOLUME specified can not be an empty string")
        }
        config.volumes = (config.volumes ?? [:]).merging([word.text: EmptyObject()]) { $1 }
      }
    case .user(let word): config.user = word.text
    case .workdir(let word): config.workingDir = directory(word.text, below: config.workingDir)
    case .stopsignal(let word): config.stopSignal = word.text
    case .onbuild(let trigger): config.onBuild = (config.onBuild ?? []) + [trigger.text]
    case .shell(let shell): config.shell = shell
    case .healthcheck(let check): config.healthcheck = healthcheck(check)
    case .run, .copy, .add, .arg, .maintainer: return false
    }
    return true
  }

  /// JSON form as it is, shell form through the image's shell.
  public static func arguments(_ command: CommandLine, shell: [String]?) -> [String] {
    switch command {
    case .exec(let arguments): arguments
    case .shell(""): []
    case .shell(let line): (shell ?? ["/bin/sh", "-c"]) + [line]
    }
  }

  private static func setVariable(_ name: String, _ value: String, in config: inout ImageExecution) {
    var environment = config.env ?? []
    let place = environment.firstIndex { $0.hasPrefix(name + "=") || $0 == name }
    if let place { environment[place] = "\(name)=\(value)" } else { environment.append("\(name)=\(value)") }
    config.env = environment
  }

  /// A clean path; a relative one goes on from the directory before.
  private static func directory(_ path: String, below current: String?) -> String {
    let base = current.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
    return CleanPath.clean(path.hasPrefix("/") ? path : "\(base)/\(path)")
  }

  private static func healthcheck(_ check: Healthcheck) -> ImageHealthcheck {
    var result = ImageHealthcheck()
    switch check.command {
    case nil: result.test = ["NONE"]
    case .exec(let arguments): result.test = ["CMD"] + arguments
    case .shell(let line): result.test = ["CMD-SHELL", line]
    }
    func given(_ value: Int64) -> Int64? { value == 0 ? nil : value }
    result.interval = given(check.interval)
    result.timeout = given(check.timeout)
    result.startPeriod = given(check.startPeriod)
    result.startInterval = given(check.startInterval)
    result.retries = check.retries == 0 ? nil : check.retries
    return result
  }
}
