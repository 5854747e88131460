import ArgumentParser
import Compose
import Glibc

/// What `up`, `create`, `run` and `scale` share.
struct BringUpOptions: ParsableArguments {
  @Flag(help: "Build images before containers are made.") var build = false
  @Flag(help: "Never build, not even images that are missing.") var noBuild = false
  @Option(help: "always, missing, never, or policy: what the files say.") var pull = ServiceImages.PullWish.policy
  @Flag(help: "Remove containers of services that the files no longer have.") var removeOrphans = false
  @Flag(help: "No progress.") var quiet = false
  @Option(help: "auto, tty, plain, json or quiet.") var progress = "auto"

  func view() throws(ClientError) -> PlanView {
    guard let style = PlanView.Style(rawValue: progress) else {
      throw ClientError.usage("invalid --progress '\(progress)': expected auto, tty, plain, json or quiet")
    }
    return PlanView(quiet ? .quiet : style)
  }

  func images(_ session: ComposeSession, _ view: PlanView) -> ServiceImages {
    var images = ServiceImages(engine: session.engine, project: session.project, view: view)
    images.builds = build
    images.neverBuilds = noBuild
    images.pull = pull
    return images
  }

  /// Brings the session's project to what the options say.
  /// - Parameter waiter: a service of which `run` makes a container afterwards, which waits for these.
  func bring(
    _ session: ComposeSession, _ options: ComposeUpOptions, _ settings: PlanRunner.Settings, _ view: PlanView,
    for waiter: ComposeService? = nil
  ) throws(ClientError) {
    var options = options
    options.removesOrphans = removeOrphans
    let project = session.project
    if options.services.contains(where: { project.service($0)?.balancer != nil }), !options.withoutDependencies {
      options.services.append(Balancer.service)
    }
    var wanted = project.services
    if !options.services.isEmpty {
      let names =
        options.withoutDependencies
        ? Set(options.services) : ComposeGraph(project.services).closure(of: options.services)
      wanted = wanted.filter { names.contains($0.name) }
    }
    if wanted.contains(where: { $0.name == Balancer.service && $0.image == Balancer.image }) {
      try session.engine.makeBalancerImage(view)
    }
    let preparation = self.images(session, view)
    let images = try preparation.prepare(wanted)
    if !options.createsOnly { try preparation.requireChecks(wanted + (waiter.map { [$0] } ?? []), images) }
    let observation = try session.observe()
    let planner = session.planner(observation, images: images)
    let plan = try ComposeSession.planned { () throws(ComposeFault) in try planner.up(options) }
    for warning in plan.warnings { view.warn(warning) }
    let touched = Set(plan.steps.compactMap(\.action.container))
    for container in observation.containers
    where wanted.contains(where: { $0.name == container.service }) && !container.isOneOff
      && !touched.contains(container.name) && container.state == .running
    {
      view.show("Container \(container.name)", "Running", isDone: true)
    }
    // Only who waits has to hear of changes.
    let watch =
      plan.steps.contains { if case .wait = $0.action { true } else { false } }
      ? try ContainerWatch(session.engine, project: project.name) : nil
    let runner = PlanRunner(
      engine: session.engine, project: project, observation: observation, images: images, hashes: session.hashes,
      view: view, watch: watch, settings: settings)
    try runner.run(plan)
  }
}

extension ComposeAction {
  /// The name of the container that it is about.
  var container: String? {
    switch self {
    case .create(let reference, _, _), .start(let reference), .wait(let reference, _, _), .drain(let reference),
      .stop(let reference), .remove(let reference, _), .rename(let reference):
      reference.name
    default: nil
    }
  }
}

struct ComposeUp: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "up", abstract: "Make and start what the files say, and change only what changed.")
  @OptionGroup var options: ComposeOptions
  @OptionGroup var bringing: BringUpOptions
  @Flag(name: .shortAndLong, help: "Leave it running in the background.") var detach = false
  @Flag(help: "Wait until all run and are healthy; implies --detach.") var wait = false
  @Option(help: "Seconds that --wait waits at most.") var waitTimeout: Int64?
  @Option(parsing: .unconditionalSingleValue, help: "SERVICE=NUMBER of containers; may be repeated.")
  var scale: [String] = []
  @Flag(help: "Make all containers anew.") var forceRecreate = false
  @Flag(help: "Leave containers that are there as they are.") var noRecreate = false
  @Flag(help: "Make those anew, too, that the services need.") var alwaysRecreateDeps = false
  @Flag(help: "Leave out what the services need.") var noDeps = false
  @Flag(help: "Make, and do not start.") var noStart = false
  @Flag(name: [.customShort("V"), .long], help: "Do not take over anonymous volumes.") var renewAnonVolumes = false
  @Flag(help: "Stop all when one ends.") var abortOnContainerExit = false
  @Flag(help: "Stop all when one fails.") var abortOnContainerFailure = false
  @Option(help: "End with the code of this service's container; implies --abort-on-container-exit.")
  var exitCodeFrom: String?
  @Option(name: [.customShort("t"), .long], help: "Seconds until what does not stop is killed.") var timeout: Int?
  @Option(parsing: .unconditionalSingleValue, help: "Show the output of this service only; may be repeated.")
  var attach: [String] = []
  @Option(parsing: .unconditionalSingleValue, help: "Do not show this service's output.") var noAttach: [String] = []
  @Flag(help: "No colours.") var noColor = false
  @Flag(help: "No names before the lines.") var noLogPrefix = false
  @Flag(help: "With the time of each line.") var timestamps = false
  @Flag(name: .shortAndLong, help: "Bring what changes here into the containers: develop.watch.") var watch = false
  @Argument(help: "Services, with what they need; all when none is named.") var services: [String] = []

  func validate() throws {
    let aborts = abortOnContainerExit || abortOnContainerFailure || exitCodeFrom != nil
    for (isWrong, text) in [
      (forceRecreate && noRecreate, "--force-recreate and --no-recreate exclude each other"),
      (bringing.build && bringing.noBuild, "--build and --no-build exclude each other"),
      ((detach || wait) && aborts, "--detach and --wait leave nobody to abort: leave one away"),
      (watch && (detach || wait || noStart || aborts), "--watch stays in the foreground: leave one away"),
      (waitTimeout ?? 1 <= 0, "--wait-timeout is a number of seconds above 0"),
    ] where isWrong {
      throw ValidationError(text)
    }
  }

  func run() throws {
    var wish = ComposeUpOptions()
    wish.services = services
    wish.scale = try Self.scale(scale)
    wish.forceRecreate = forceRecreate
    wish.noRecreate = noRecreate
    wish.recreatesDependencies = alwaysRecreateDeps
    wish.withoutDependencies = noDeps
    wish.createsOnly = noStart
    wish.renewsAnonymousVolumes = renewAnonVolumes
    wish.waits = wait
    var settings = PlanRunner.Settings()
    settings.stopTimeoutSeconds = timeout
    settings.waitTimeoutNanoseconds = waitTimeout.map { $0.times(1_000_000_000) }
    let session = try options.session(of: services)
    if let exitCodeFrom, session.project.service(exitCodeFrom) == nil {
      throw ClientError("there is no service '\(exitCodeFrom)' in the project '\(session.project.name)'")
    }
    let began = Units.now()
    let view = try bringing.view()
    try bringing.bring(session, wish, settings, view)
    if detach || wait || noStart { return }
    if watch { return try watchFiles(session, since: began) }
    let code = try foreground(session, since: began)
    if code != 0 { throw ExitCode(Int32(truncatingIfNeeded: code)) }
  }

  static func scale(_ items: [String]) throws(ClientError) -> [String: Int] {
    var scale: [String: Int] = [:]
    for item in items {
      guard let (name, digits) = splitOnce(item, "="), let count = Int(digits), (0...10_000).contains(count) else {
        throw ClientError.usage("invalid --scale '\(item)': write SERVICE=NUMBER")
      }
      scale[name] = count
    }
    return scale
  }

  private func logOptions(since: Int64) -> LogFollower.Options {
    var logs = LogFollower.Options()
    logs.follows = true
    logs.since = String(since)
    logs.timestamps = timestamps
    logs.showsNames = !noLogPrefix
    logs.colors = !noColor && Terminal.isTerminal(STDOUT_FILENO)
    return logs
  }

  private func isShown(_ container: ObservedContainer, _ project: ComposeProject) -> Bool {
    let isWanted =
      attach.isEmpty ? project.service(container.service)?.attach ?? true : attach.contains(container.service)
    return isWanted && !noAttach.contains(container.service)
  }

  /// Shows the output and follows the files until a signal comes, then stops what runs.
  private func watchFiles(_ session: ComposeSession, since: Int64) throws(ClientError) {
    let names = services.isEmpty ? session.project.services.map(\.name) : services
    let watcher = try Watcher(session, services, bringing)
    let inbox = try SignalInbox([SIGINT, SIGTERM])
    let events = try ContainerWatch(session.engine, project: session.project.name)
    let first = try session.containers(of: names).filter { isShown($0, session.project) }
    let project = session.project.name
    let follower = LogFollower(
      session.engine, logOptions(since: since), names: first.map { ForegroundRun.shortName($0, project) }, watch: events
    )
    func follow(_ containers: [ObservedContainer]) throws(ClientError) {
      for container in containers where isShown(container, session.project) {
        _ = try Threads.start {
          do throws(ClientError) {
            let name = ForegroundRun.shortName(container, project)
            _ = try follower.show(container.id, named: name, position: container.number)
          } catch {
            Console.complain(error.message)
          }
        }
      }
    }
    try follow(first)
    watcher.onRebuild = { service throws(ClientError) in try follow(session.containers(of: [service])) }
    try watcher.run(until: inbox.descriptor)
    var settings = PlanRunner.Settings()
    settings.stopTimeoutSeconds = timeout
    try session.stop(names, settings, try bringing.view())
  }

  /// Shows the output until all have ended or a signal comes, then stops what runs.
  private func foreground(_ session: ComposeSession, since: Int64) throws(ClientError) -> Int {
    let names = services.isEmpty ? session.project.services.map(\.name) : services
    let containers = try session.containers(of: names)
    let shown = containers.filter { isShown($0, session.project) }
    let run = ForegroundRun(
      session: session, containers: containers, shown: Set(shown.map(\.id)), logs: logOptions(since: since))
    let end = try run.wait(
      abortsOnExit: abortOnContainerExit || exitCodeFrom != nil, abortsOnFailure: abortOnContainerFailure,
      codeFrom: exitCodeFrom)
    var settings = PlanRunner.Settings()
    settings.stopTimeoutSeconds = timeout
    try session.stop(names, settings, try bringing.view())
    return end
  }
}

struct ComposeCreate: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "create", abstract: "Make what the files say, and start nothing.")
  @OptionGroup var options: ComposeOptions
  @OptionGroup var bringing: BringUpOptions
  @Option(parsing: .unconditionalSingleValue, help: "SERVICE=NUMBER of containers; may be repeated.")
  var scale: [String] = []
  @Flag(help: "Make all containers anew.") var forceRecreate = false
  @Flag(help: "Leave containers that are there as they are.") var noRecreate = false
  @Argument(help: "Services, with what they need; all when none is named.") var services: [String] = []

  func run() throws {
    var wish = ComposeUpOptions()
    wish.services = services
    wish.scale = try ComposeUp.scale(scale)
    wish.forceRecreate = forceRecreate
    wish.noRecreate = noRecreate
    wish.createsOnly = true
    try bringing.bring(options.session(of: services), wish, PlanRunner.Settings(), bringing.view())
  }
}

struct ComposeScale: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "scale", abstract: "Change how many containers services have.")
  @OptionGroup var options: ComposeOptions
  @OptionGroup var bringing: BringUpOptions
  @Flag(help: "Leave out what the services need.") var noDeps = false
  @Argument(help: "SERVICE=NUMBER.") var numbers: [String]

  func run() throws {
    var wish = ComposeUpOptions()
    wish.scale = try ComposeUp.scale(numbers)
    wish.services = wish.scale.keys.sorted()
    wish.withoutDependencies = noDeps
    try bringing.bring(options.session(of: wish.services), wish, PlanRunner.Settings(), bringing.view())
  }
}
