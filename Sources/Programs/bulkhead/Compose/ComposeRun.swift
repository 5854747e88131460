import ArgumentParser
import Compose
import Glibc

struct ComposeExec: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "exec", abstract: "Run a command in a running container of a service.",
    discussion: "A terminal is given where this command has one; --no-tty leaves it away.")
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Leave it running in the background.") var detach = false
  @Flag(name: [.customShort("T"), .customLong("no-tty"), .customLong("no-TTY")], help: "No terminal.") var noTerminal =
    false
  @Flag(name: .shortAndLong, help: "Send it what is typed; that is so anyway.") var interactive = false
  @Flag(name: .shortAndLong, help: "Give it a terminal; that is so anyway.") var tty = false
  @Flag(help: "Take its fences down (engine.yaml must allow it).") var privileged = false
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME=value.") var env: [String] = []
  @Option(name: .shortAndLong, help: "user, uid, user:group or uid:gid.") var user: String?
  @Option(name: .shortAndLong, help: "The folder to start in.") var workdir: String?
  @Option(help: "Which of the service's containers.") var index: Int?
  @Argument(help: "The service.") var service: String
  @Argument(parsing: .captureForPassthrough, help: "The command.") var command: [String]

  func run() throws {
    let session = try options.existing(of: [service])
    let container = try session.container(of: service, index: index)
    var words = ["--host", "unix://\(session.engine.address.path)"]
    if detach { words.append("--detach") } else { words.append("--interactive") }
    if !noTerminal, !detach, Terminal.isTerminal(STDIN_FILENO), Terminal.isTerminal(STDOUT_FILENO) {
      words.append("--tty")
    }
    if privileged { words.append("--privileged") }
    words += env.flatMap { ["--env", $0] }
    if let user { words += ["--user", user] }
    if let workdir { words += ["--workdir", workdir] }
    let exec = try Exec.parse(words + [container.id] + command)
    try exec.run()
  }
}

struct ComposeRun: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run", abstract: "Make a container of a service for one command.",
    discussion: "What the service needs is brought up first. Its ports are published only with --service-ports.")
  @OptionGroup var options: ComposeOptions
  @OptionGroup var bringing: BringUpOptions
  @Flag(name: .shortAndLong, help: "Leave it running in the background and print its name.") var detach = false
  @Flag(help: "Remove it at its end.") var rm = false
  @Flag(name: [.customShort("T"), .customLong("no-tty"), .customLong("no-TTY")], help: "No terminal.") var noTerminal =
    false
  @Flag(name: [.customShort("i"), .customLong("interactive")], help: "Send it what is typed; that is so anyway.")
  var interactive = false
  @Flag(help: "Leave out what the service needs.") var noDeps = false
  @Flag(name: [.customShort("P"), .long], help: "Publish the service's ports.") var servicePorts = false
  @Flag(help: "With the service's names on its networks.") var useAliases = false
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME=value; may be repeated.") var env:
    [String] = []
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "NAME=value.") var label: [String] = []
  @Option(name: .shortAndLong, parsing: .unconditionalSingleValue, help: "SOURCE:TARGET[:ro].") var volume: [String] =
    []
  @Option(name: [.customShort("p"), .long], parsing: .unconditionalSingleValue, help: "A port to publish, too.")
  var publish: [String] = []
  @Option(name: .shortAndLong, help: "user, uid, user:group or uid:gid.") var user: String?
  @Option(name: .shortAndLong, help: "The folder to start in.") var workdir: String?
  @Option(help: "Instead of the service's entrypoint.") var entrypoint: String?
  @Option(help: "The container's name.") var name: String?
  @Argument(help: "The service.") var service: String
  @Argument(parsing: .captureForPassthrough, help: "The command instead of the service's.") var command: [String] = []

  func run() throws {
    var session = try options.session(of: [service])
    guard let original = session.project.service(service) else { return }
    let view = try bringing.view()
    try bringDependencies(session, original, view)
    let images = try bringing.images(session, view).prepare([original])
    let isTerminal =
      !noTerminal && !detach && Terminal.isTerminal(STDIN_FILENO) && Terminal.isTerminal(STDOUT_FILENO)
    let changed = try changed(original, isTerminal: isTerminal)
    let observation = try session.observe()
    try makeMissing(session, original, observation, images, view)
    session = ComposeSession(engine: session.engine, project: session.project)
    var settings = PlanRunner.Settings()
    settings.isOneOff = true
    let runner = PlanRunner(
      engine: session.engine, project: session.project, observation: observation, images: images,
      hashes: session.hashes, view: view, watch: nil, settings: settings)
    let name = name ?? "\(session.project.name)-\(service)-run-\(Self.random())"
    var body = try runner.body(
      changed, ComposeContainerReference(service: service, number: 1, name: name, id: nil))
    body.isOneOff = !useAliases
    body.publishesPorts = servicePorts || !publish.isEmpty
    var json = try body.json()
    try finish(&json, isTerminal: isTerminal)
    let answer: JSONValue
    do throws(ClientError) {
      answer = try session.engine.call(
        .post, "/containers/create", query: [("name", name), ("platform", original.platform)], json: json)
    } catch {
      throw RefusedPlaces.told(error, of: original, in: session.project)
    }
    for warning in answer["Warnings"].items { Console.complain("warning: \(warning.string ?? "")") }
    let id = answer.text("Id")
    try runner.copyFiles(body, into: id)
    do {
      try start(session.engine, id, name, isTerminal: isTerminal)
    } catch let error as ClientError {
      throw RefusedPlaces.told(error, of: original, in: session.project)
    }
  }

  private func start(_ engine: Engine, _ id: String, _ name: String, isTerminal: Bool) throws {
    if detach {
      try engine.start(id)
      print(name)
      return
    }
    let streams = ContainerSession(
      engine: engine, resource: "/containers/\(id)", terminal: isTerminal, sendsInput: true,
      forwardsSignals: !isTerminal)
    let code = try engine.runAttached(id, streams, removed: rm)
    if code != 0 { throw ExitCode(code) }
  }

  private func bringDependencies(_ session: ComposeSession, _ service: ComposeService, _ view: PlanView)
    throws(ClientError)
  {
    let needs = service.dependencies.map(\.service).filter { session.project.service($0) != nil }
    guard !noDeps, !needs.isEmpty else { return }
    var wish = ComposeUpOptions()
    wish.services = needs
    // `started` needs no wait; for the others the plan of the service itself would wait.
    wish.waits = service.dependencies.contains { $0.condition != .started }
    wish.noRecreate = true
    try bringing.bring(session, wish, PlanRunner.Settings(), view, for: service)
  }

  /// Networks and volumes of the service that nobody has made yet.
  private func makeMissing(
    _ session: ComposeSession, _ service: ComposeService, _ observation: ComposeObservation,
    _ images: [String: ServiceImage], _ view: PlanView
  ) throws(ClientError) {
    let planner = session.planner(observation, images: images)
    var wish = ComposeUpOptions()
    wish.services = [service.name]
    wish.withoutDependencies = true
    wish.noRecreate = true
    wish.createsOnly = true
    let whole = try ComposeSession.planned { () throws(ComposeFault) in try planner.up(wish) }
    var plan = ComposePlan()
    for step in whole.steps {
      switch step.action {
      case .createNetwork(let key) where !observation.networks.contains { $0.key == key }: plan.steps.append(step)
      case .createVolume, .requireNetwork, .requireVolume: plan.steps.append(step)
      default: continue
      }
    }
    plan.steps = plan.steps.map { ComposeStep($0.action, after: []) }
    try session.runner(observation, PlanRunner.Settings(), view).run(plan)
  }

  private func changed(_ original: ComposeService, isTerminal: Bool) throws(ClientError) -> ComposeService {
    var service = original
    if !command.isEmpty { service.command = command }
    if let entrypoint {
      service.entrypoint = entrypoint.split(separator: " ").map(String.init)
      if command.isEmpty { service.command = nil }
    }
    for text in ContainerOptions.variables(env) {
      if let (name, value) = splitOnce(text, "=") { service.environment[name] = value }
    }
    for text in label {
      let (name, value) = splitOnce(text, "=") ?? (text, "")
      service.labels[name] = value
    }
    if let user { service.user = user }
    if let workdir { service.workingDirectory = workdir }
    service.terminal = isTerminal
    service.stdinOpen = !detach
    service.containerName = nil
    if !servicePorts { service.ports = [] }
    return service
  }

  private func finish(_ json: inout JSONValue, isTerminal: Bool) throws(ClientError) {
    json["StdinOnce"] = .bool(!detach)
    json["AttachStdin"] = .bool(!detach)
    if rm { json["HostConfig"]["AutoRemove"] = true }
    if !volume.isEmpty { json["HostConfig"]["Binds"] = .strings(volume.map(FileOptions.absolute)) }
    if isTerminal, let size = Terminal(descriptor: STDOUT_FILENO).size {
      json["HostConfig"]["ConsoleSize"] = [.int(size.rows), .int(size.columns)]
    }
    guard !publish.isEmpty else { return }
    let parsed = try Self.ports(publish)
    for name in parsed.exposed { json["ExposedPorts"][name] = [:] }
    for member in parsed.bindings.members {
      json["HostConfig"]["PortBindings"][member.name] = .array(
        json["HostConfig"]["PortBindings"][member.name].items + member.value.items)
    }
  }

  private static func ports(_ texts: [String]) throws(ClientError) -> (exposed: [String], bindings: JSONValue) {
    var exposed: [String] = []
    var bindings = JSONValue.object([])
    for text in texts {
      let mapping = try PortMapping(parsing: text)
      for port in mapping.bindings {
        exposed.append(port.inside)
        let binding: JSONValue = ["HostIp": .string(mapping.hostAddress), "HostPort": .string(port.outside)]
        bindings[port.inside] = .array(bindings[port.inside].items + [binding])
      }
    }
    return (exposed, bindings)
  }

  private static func random() -> String {
    let digits = String(UInt64.random(in: 0..<(1 << 48)), radix: 16)
    return String(repeating: "0", count: 12 - digits.count) + digits
  }
}
