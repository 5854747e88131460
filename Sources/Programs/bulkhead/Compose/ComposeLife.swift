import ArgumentParser
import Compose
import Glibc

/// One action on all containers of services at once.
private func act(
  _ session: ComposeSession, _ containers: [ObservedContainer], _ doing: String, _ done: String,
  _ body: @escaping @Sendable (Engine, String) throws(ClientError) -> Void
) throws(ClientError) {
  let view = PlanView(.auto)
  let runner = session.runner(ComposeObservation(), PlanRunner.Settings(), view)
  try Threads.forEach(containers) { container throws(ClientError) in
    try runner.act(ComposeContainerReference(container), doing, done) { id throws(ClientError) in
      try body(runner.engine, id)
    }
  }
}

struct ComposeStart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "start", abstract: "Start containers that are there, in the order of their needs.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Wait until all run and are healthy.") var wait = false
  @Option(help: "Seconds that --wait waits at most.") var waitTimeout: Int64?
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    let observation = try session.observe()
    let watch = try ContainerWatch(session.engine, project: session.project.name)
    var plan = ComposePlan()
    var starts: [String: [Int]] = [:]
    var containers: [String: [ComposeContainerReference]] = [:]
    for name in ComposeGraph(session.project.services).startOrder {
      guard let service = session.project.service(name), services.isEmpty || services.contains(name) else { continue }
      var ready: [Int] = []
      for need in service.dependencies {
        ready += starts[need.service] ?? []
        guard need.condition != .started else { continue }
        for reference in containers[need.service] ?? [] {
          plan.steps.append(
            ComposeStep(
              .wait(reference, need.condition, required: need.required), after: starts[need.service] ?? []))
          ready.append(plan.steps.count - 1)
        }
      }
      let own = observation.containers.filter { $0.service == name && !$0.isOneOff }
      if own.isEmpty, services.contains(name) {
        throw ClientError("service '\(name)' has no container: make one with 'bulkhead compose up'")
      }
      for container in own {
        let reference = ComposeContainerReference(container)
        containers[name, default: []].append(reference)
        guard ![.running, .paused, .restarting].contains(container.state) else { continue }
        plan.steps.append(ComposeStep(.start(reference), after: ready))
        starts[name, default: []].append(plan.steps.count - 1)
      }
    }
    if wait {
      for (name, list) in containers.sorted(by: { $0.key < $1.key }) {
        for reference in list {
          plan.steps.append(ComposeStep(.wait(reference, .healthy, required: true), after: starts[name] ?? []))
        }
      }
    }
    var settings = PlanRunner.Settings()
    settings.waitTimeoutNanoseconds = waitTimeout.map { $0.times(1_000_000_000) }
    try PlanRunner(
      engine: session.engine, project: session.project, observation: observation, images: [:], hashes: session.hashes,
      view: PlanView(.auto), watch: watch, settings: settings
    ).run(plan)
  }
}

struct ComposeStop: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "stop", abstract: "Stop containers and leave them there.")
  @OptionGroup var options: ComposeOptions
  @Option(name: [.customShort("t"), .long], help: "Seconds until it is killed.") var timeout: Int?
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    var settings = PlanRunner.Settings()
    settings.stopTimeoutSeconds = timeout
    try options.existing(of: services).stop(services, settings, PlanView(.auto))
  }
}

struct ComposeRestart: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "restart", abstract: "Stop containers and start them again.")
  @OptionGroup var options: ComposeOptions
  @Option(name: [.customShort("t"), .long], help: "Seconds until it is killed.") var timeout: Int?
  @Flag(help: "Leave out the services that are to be restarted with these.") var noDeps = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    var names = services
    if !noDeps, !services.isEmpty {
      names += session.project.services.filter { service in
        service.dependencies.contains { $0.restart && services.contains($0.service) }
      }.map(\.name)
    }
    let seconds = timeout.map(String.init)
    try act(session, session.containers(of: names), "Restarting", "Started") { engine, id throws(ClientError) in
      try engine.call(.post, "/containers/\(id)/restart", query: [("t", seconds)])
    }
  }
}

struct ComposeKill: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "kill", abstract: "Send containers a signal.")
  @OptionGroup var options: ComposeOptions
  @Option(name: .shortAndLong, help: "The signal.") var signal = "SIGKILL"
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    let signal = signal
    let containers = try session.containers(of: services, isRunning: true)
    try act(session, containers, "Killing", "Killed") { engine, id throws(ClientError) in
      try engine.call(.post, "/containers/\(id)/kill", query: [("signal", signal)])
    }
  }
}

struct ComposePause: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "pause", abstract: "Freeze containers.")
  @OptionGroup var options: ComposeOptions
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    let containers = try session.containers(of: services).filter { $0.state == .running }
    try act(session, containers, "Pausing", "Paused") { engine, id throws(ClientError) in
      try engine.call(.post, "/containers/\(id)/pause")
    }
  }
}

struct ComposeUnpause: ParsableCommand {
  static let configuration = CommandConfiguration(commandName: "unpause", abstract: "Let frozen containers go on.")
  @OptionGroup var options: ComposeOptions
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services)
    let containers = try session.containers(of: services).filter { $0.state == .paused }
    try act(session, containers, "Unpausing", "Unpaused") { engine, id throws(ClientError) in
      try engine.call(.post, "/containers/\(id)/unpause")
    }
  }
}

struct ComposeRemove: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "rm", abstract: "Remove containers that do not run.")
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Do not ask.") var force = false
  @Flag(name: .shortAndLong, help: "Stop them first.") var stop = false
  @Flag(name: .shortAndLong, help: "Anonymous volumes, too.") var volumes = false
  @Argument(help: "Services; all when none is named.") var services: [String] = []

  func run() throws {
    let session = try options.existing(of: services, mayBeEmpty: true)
    if stop { try session.stop(services, PlanRunner.Settings(), PlanView(.auto)) }
    let containers = try session.containers(of: services, isRunning: false)
    guard !containers.isEmpty else { return Console.complain("no stopped containers") }
    if !force, !Prompt.confirm("This removes \(containers.map(\.name).joined(separator: ", ")). Go on? [y/N] ") {
      throw ExitCode(1)
    }
    let volumes = volumes
    try act(session, containers, "Removing", "Removed") { engine, id throws(ClientError) in
      try engine.call(.delete, "/containers/\(id)", query: [("v", volumes ? "1" : nil)])
    }
  }
}

struct ComposeWait: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "wait", abstract: "Wait until containers of services end, and end with the first one's code.")
  @OptionGroup var options: ComposeOptions
  @Flag(help: "Take the project down afterwards.") var downProject = false
  @Argument(help: "Services.") var services: [String]

  func run() throws {
    let session = try options.existing(of: services)
    var first: Int32?
    for container in try session.containers(of: services) {
      let waiting = try session.engine.open(.post, "/containers/\(container.id)/wait")
      let code = try session.engine.exitCode(waiting)
      print("container \"\(container.name)\" exited with status code \(code)")
      first = first ?? code
    }
    if downProject {
      let observation = try session.observe()
      let planner = session.planner(observation)
      let plan = try ComposeSession.planned { () throws(ComposeFault) in try planner.down(ComposeDownOptions()) }
      try session.runner(observation, PlanRunner.Settings(), PlanView(.auto)).run(plan)
    }
    if let first, first != 0 { throw ExitCode(first) }
  }
}
