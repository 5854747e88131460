import Dockerfile
import FoundationEssentials
import ImageCatalog
import LinuxSystem
import Model
import OCITypes

extension StageBuilder {
  /// Instructions that change the image's configuration alone.
  func configure(_ instruction: Instruction) throws {
    let expanded = try instruction.expanded(expansion)
    var text = instruction.text
    switch expanded.kind {
    case .env(let pairs):
      for pair in pairs {
        set(environment: pair.name.text, pair.value.text)
        variables.set(pair.name.text, pair.value.text)
      }
      text = "ENV " + pairs.map { "\($0.name.text)=\($0.value.text)" }.joined(separator: " ")
    case .arg(let arguments):
      let values = try variables.declare(arguments, in: session.arguments, escape: escape)
      for (name, value) in values {
        declared.removeAll { $0.name == name }
        if let value { declared.append((name, value)) }
      }
      let shown = values.map { (name, value) in value.map { SecretNames.shown(name, $0) } ?? name }
      text = "ARG " + shown.joined(separator: " ")
    case .label(let pairs):
      for pair in pairs {
        state.execution.labels = (state.execution.labels ?? [:]).merging([pair.name.text: pair.value.text]) { $1 }
      }
      text = "LABEL " + pairs.map { "\($0.name.text)=\($0.value.text)" }.joined(separator: " ")
    case .expose(let ports):
      for port in ports {
        do {
          try ImageChanges.apply(["EXPOSE \(port.text)"], to: &state.execution)
        } catch let error as PlatformError {
          throw PlatformError.syntax(port.position, error.message)
        }
      }
      text = "EXPOSE " + ports.map(\.text).joined(separator: " ")
    case .volume(let paths):
      for path in paths {
        guard !path.text.isEmpty else {
          throw PlatformError.syntax(path.position, "VOLUME specified can not be an empty string")
        }
        state.execution.volumes = (state.execution.volumes ?? [:]).merging([path.text: EmptyObject()]) { $1 }
      }
      text = "VOLUME " + Self.json(paths.map(\.text))
    case .user(let word):
      state.execution.user = word.text
      text = "USER \(word.text)"
    case .stopsignal(let word):
      state.execution.stopSignal = word.text
      text = "STOPSIGNAL \(word.text)"
    case .cmd(let command):
      state.execution.cmd = arguments(command)
      setsCommand = true
      text = "CMD " + Self.json(state.execution.cmd ?? [])
    case .entrypoint(let command):
      let arguments = arguments(command)
      state.execution.entrypoint = arguments
      // An entry point of this stage makes a base image's command void.
      if !setsCommand { state.execution.cmd = nil }
      text = "ENTRYPOINT " + Self.json(arguments ?? [])
    case .healthcheck(let check): state.execution.healthcheck = Self.healthcheck(check)
    case .onbuild(let trigger): state.execution.onBuild = (state.execution.onBuild ?? []) + [trigger.text]
    case .shell(let shell):
      state.execution.shell = shell
      text = "SHELL " + Self.json(shell)
    case .maintainer(let name): state.config.author = name
    case .run, .copy, .add, .workdir: return
    }
    note(nop(text), isEmpty: true)
  }

  /// The history's words for a step that runs nothing, as docker's classic builder has them.
  func nop(_ text: String) -> String { "\(state.shell.joined(separator: " ")) #(nop)  \(text)" }

  func set(environment name: String, _ value: String) {
    var environment = state.execution.env ?? []
    if let index = environment.firstIndex(where: { $0.hasPrefix(name + "=") }) {
      environment[index] = "\(name)=\(value)"
    } else {
      environment.append("\(name)=\(value)")
    }
    state.execution.env = environment
  }

  /// Labels that the client gave, on the target alone.
  func addLabels() {
    guard !session.request.labels.isEmpty else { return }
    state.execution.labels = (state.execution.labels ?? [:]).merging(session.request.labels) { $1 }
    let text = session.request.labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
    note(nop("LABEL " + text.joined(separator: " ")), isEmpty: true)
  }

  private func arguments(_ command: CommandLine) -> [String]? {
    switch command {
    case .exec(let arguments): arguments
    case .shell(let line): line.isEmpty ? nil : state.shell + [line]
    }
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

  static func json(_ texts: [String]) -> String {
    (try? ImageDocuments.encode(texts)).map { String(decoding: $0, as: UTF8.self) } ?? "[]"
  }

  // MARK: - WORKDIR

  func workdir(_ word: Word) async throws {
    let path = absolute(word.text)
    var key = StepKey("WORKDIR")
    key.add(state.chainKey)
    key.add(path)
    key.add(session.epoch.map(String.init) ?? "")
    let history = nop("WORKDIR \(path)")
    state.execution.workingDir = path
    try await layer(key.digest(), history: history) {
      let root = try session.catalog.openRoot(state.chainIDs)
      var layout = CopyLayout(
        root: root, source: RootSource(root: root), excludes: try PatternMatcher([]), owner: nil, mode: nil,
        now: session.now, maximumEntries: session.limits.copiedEntries)
      let target = try layout.resolved(path)
      try layout.makeDirectory(target, mode: 0o755)
      return layout.items.isEmpty ? nil : try makeLayer(layout, owner: nil)
    }
  }

  /// A path of the image, relative ones below the working directory.
  func absolute(_ path: String) -> String {
    "/" + CopyLayout.clean(path.hasPrefix("/") ? path : "\(state.workingDirectory)/\(path)")
  }
}

/// Names that say that their value is nobody's business: it is kept out of the history.
enum SecretNames {
  private static let marks = [
    "PASSWORD", "PASSWD", "SECRET", "TOKEN", "CREDENTIAL", "API_KEY", "APIKEY", "PRIVATE_KEY",
  ]

  static func isSecret(_ name: String) -> Bool {
    let name = name.uppercased()
    return marks.contains { name.contains($0) }
  }

  static func shown(_ name: String, _ value: String) -> String { isSecret(name) ? "\(name)=***" : "\(name)=\(value)" }
}
