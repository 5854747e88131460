import ArgumentParser
import Compose
import Glibc

/// Which project a compose command is about; part of each of them. What the user writes before the command's name
/// (`compose -f FILE up`) arrives here under hidden names (`ComposeArguments`), as commands have a `-f` of their own.
struct ProjectOptions: ParsableArguments {
  @Option(name: .customLong("compose-file"), parsing: .unconditionalSingleValue, help: .hidden) var files: [String] = []
  @Option(name: .customLong("compose-project-name"), parsing: .unconditional, help: .hidden) var projectName: String?
  @Option(name: .customLong("compose-profile"), parsing: .unconditionalSingleValue, help: .hidden)
  var profiles: [String] = []
  @Option(name: .customLong("compose-env-file"), parsing: .unconditionalSingleValue, help: .hidden)
  var environmentFiles: [String] = []
  @Option(name: .customLong("compose-project-directory"), parsing: .unconditional, help: .hidden) var directory: String?
  @Flag(name: .customLong("compose-allow-outside"), help: .hidden) var allowsOutside = false

  /// What the loader is asked.
  /// - Parameter services: named on the command line; their profiles become active.
  func request(services: [String] = []) throws(ClientError) -> ComposeRequest {
    var request = ComposeRequest(files: files)
    request.currentDirectory = try Self.currentDirectory()
    request.projectName = projectName
    request.profiles = profiles
    request.environmentFiles = environmentFiles.isEmpty ? nil : environmentFiles
    request.projectDirectory = directory
    request.allowsOutside = allowsOutside
    request.services = services
    request.environment = Self.environment()
    return request
  }

  /// Loads the project; tells its warnings on standard error.
  func load(services: [String] = []) throws(ClientError) -> ComposeProject {
    let request = try request(services: services)
    return try Self.told { () throws(ComposeFaults) in
      let result = try ComposeLoader(reader: ProjectFiles()).load(request)
      return (Self.noting(result.project), result.warnings)
    }
  }

  /// The project with what is in its configs and secrets. A file that is missing is told when a container needs it.
  private static func noting(_ project: ComposeProject) -> ComposeProject {
    var project = project
    project.noteContents { path in
      (try? readWhole(path, limit: SmallArchive.maximumFileBytes)).map(SHA256Text.hex)
    }
    return project
  }

  enum Found {
    case files(ComposeProject)
    /// The files are not asked: what the engine has is all that is known.
    case name(String)
  }

  /// For commands that work on what is there: the project's files, or its name alone. As with docker's compose the name is
  /// enough where `-p` gives it and no file is named, and where `COMPOSE_PROJECT_NAME` does and no file is there.
  func find(services: [String]) throws(ClientError) -> Found {
    let request = try request(services: services)
    let given = try Self.told { () throws(ComposeFaults) in (try ComposeLoader.givenName(request), []) }
    let namesFiles = !files.isEmpty || !(request.environment["COMPOSE_FILE"] ?? "").isEmpty
    if projectName != nil, !namesFiles, let given { return .name(given) }
    do throws(ComposeFaults) {
      let result = try ComposeLoader(reader: ProjectFiles()).load(request)
      for warning in result.warnings { Console.complain("warning: \(warning)") }
      return .files(Self.noting(result.project))
    } catch {
      if error.first.kind == .noFiles, let given { return .name(given) }
      throw ClientError(error.description)
    }
  }

  /// Runs what can fail by the files' fault, and tells the warnings.
  static func told<Value>(
    _ work: () throws(ComposeFaults) -> (Value, [ComposeWarning])
  ) throws(ClientError) -> Value {
    do {
      let (value, warnings) = try work()
      for warning in warnings { Console.complain("warning: \(warning)") }
      return value
    } catch {
      throw ClientError(error.description)
    }
  }

  private static func currentDirectory() throws(ClientError) -> String {
    guard let path = getcwd(nil, 0) else {
      throw ClientError("cannot find the current folder: \(describe(errno: errno))")
    }
    defer { free(path) }
    return String(cString: path)
  }

  private static func environment() -> [String: String] {
    var result: [String: String] = [:]
    var next = environ
    while let entry = next.pointee {
      if let (name, value) = splitOnce(String(cString: entry), "=") { result[name] = value }
      next += 1
    }
    return result
  }
}

/// Brings the options between `compose` and its command behind the command, under the names of `ProjectOptions`.
enum ComposeArguments {
  private static let valued = [
    "-f": "--compose-file", "--file": "--compose-file", "-p": "--compose-project-name",
    "--project-name": "--compose-project-name", "--profile": "--compose-profile", "--env-file": "--compose-env-file",
    "--project-directory": "--compose-project-directory", "--workdir": "--compose-project-directory",
  ]
  /// Commands that have no `ProjectOptions`.
  static let ofNoProject: Set<String> = ["ls", "version"]
  private static let flags = ["--allow-outside": "--compose-allow-outside"]

  /// The arguments as the parser takes them; others than compose's come back as they are.
  static func moved(_ arguments: [String]) throws(ClientError) -> [String] {
    guard arguments.first == "compose" else { return arguments }
    var rest = arguments.dropFirst()
    var moved: [String] = []
    while let word = rest.first, word.hasPrefix("-"), word != "--help", word != "-h" {
      rest = rest.dropFirst()
      if let flag = flags[word] {
        moved.append(flag)
        continue
      }
      let (name, attached) = parts(of: word)
      guard let option = valued[name] else {
        throw ClientError.usage(
          "unknown option '\(word)' before compose's command: 'bulkhead compose --help' lists those that there are")
      }
      guard let value = attached ?? rest.first else { throw ClientError.usage("'\(name)' needs a value") }
      if attached == nil { rest = rest.dropFirst() }
      moved += [option, value]
    }
    guard let command = rest.first else { return ["compose"] }
    if !moved.isEmpty, ofNoProject.contains(command) {
      throw ClientError.usage(
        "'compose \(command)' is about no project in particular: leave the options between 'compose' and '\(command)' away"
      )
    }
    return ["compose", command] + moved + rest.dropFirst()
  }

  /// `--file=F`, `-fF`
  private static func parts(of word: String) -> (String, String?) {
    if word.hasPrefix("--") { return splitOnce(word, "=").map { ($0.0, $0.1) } ?? (word, nil) }
    guard word.count > 2 else { return (word, nil) }
    let value = word.dropFirst(2)
    return (String(word.prefix(2)), String(value.first == "=" ? value.dropFirst() : value))
  }
}
