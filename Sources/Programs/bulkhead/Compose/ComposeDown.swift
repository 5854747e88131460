import ArgumentParser
import Compose
import Glibc

struct ComposeDown: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "down", abstract: "Stop and remove the project's containers and networks.")
  @OptionGroup var options: ComposeOptions
  @Flag(name: .shortAndLong, help: "Volumes, too: named ones of the files and anonymous ones.") var volumes = false
  @Flag(help: "Containers of services that the files no longer have, too.") var removeOrphans = false
  @Option(help: "Images, too: all, or local for those without a name in the files.") var rmi: String?
  @Option(name: [.customShort("t"), .long], help: "Seconds until what does not stop is killed.") var timeout: Int?
  @Option(help: "auto, tty, plain, json or quiet.") var progress = "auto"
  @Argument(help: "Only these services; networks stay then.") var services: [String] = []

  func validate() throws {
    if let rmi, !["all", "local"].contains(rmi) {
      throw ValidationError("invalid --rmi '\(rmi)': expected all or local")
    }
  }

  func run() throws {
    let session = try options.existing(of: [], mayBeEmpty: true)
    guard let style = PlanView.Style(rawValue: progress) else {
      throw ClientError.usage("invalid --progress '\(progress)': expected auto, tty, plain, json or quiet")
    }
    let view = PlanView(style)
    var wish = ComposeDownOptions()
    wish.services = services
    wish.removesOrphans = removeOrphans
    wish.removesVolumes = volumes
    var settings = PlanRunner.Settings()
    settings.stopTimeoutSeconds = timeout
    let observation = try session.observe()
    let planner = session.planner(observation)
    let plan = try ComposeSession.planned { () throws(ComposeFault) in try planner.down(wish) }
    for warning in plan.warnings { view.warn(warning) }
    if plan.steps.isEmpty { view.warn("there is nothing of the project '\(session.project.name)' to remove") }
    try session.runner(observation, settings, view).run(plan)
    try removeImages(session, view)
  }

  private func removeImages(_ session: ComposeSession, _ view: PlanView) throws(ClientError) {
    guard let rmi else { return }
    let project = session.project
    let chosen = project.services.filter { services.isEmpty || services.contains($0.name) }
    for name in Set(chosen.filter { rmi == "all" || $0.image == nil }.map(project.imageName)).sorted() {
      do {
        try session.engine.call(.delete, "/images/\(Engine.escape(name))")
        view.show("Image \(name)", "Removed", isDone: true)
      } catch {
        switch error.status {
        case 404: continue
        case 409: view.show("Image \(name)", "Resource is still in use", isDone: true)
        default: throw error
        }
      }
    }
  }
}

extension ComposeSession {
  /// For plans that make no containers.
  func runner(_ observation: ComposeObservation, _ settings: PlanRunner.Settings, _ view: PlanView) -> PlanRunner {
    PlanRunner(
      engine: engine, project: project, observation: observation, images: [:], hashes: hashes, view: view, watch: nil,
      settings: settings)
  }

  /// Stops the running containers of services, dependents first.
  func stop(_ services: [String], _ settings: PlanRunner.Settings, _ view: PlanView) throws(ClientError) {
    let observation = try observe()
    var plan = ComposePlan()
    var stops: [String: [Int]] = [:]
    let known = project.services + project.disabledServices
    for name in ComposeGraph(known).stopOrder {
      let before = known.filter { $0.dependencies.contains { $0.service == name } }.flatMap { stops[$0.name] ?? [] }
      for container in observation.containers
      where container.service == name && !container.isOneOff && (services.isEmpty || services.contains(name))
        && [.running, .paused, .restarting].contains(container.state)
      {
        plan.steps.append(ComposeStep(.stop(ComposeContainerReference(container)), after: before))
        stops[name, default: []].append(plan.steps.count - 1)
      }
    }
    try runner(observation, settings, view).run(plan)
  }
}

extension ComposeContainerReference {
  init(_ container: ObservedContainer) {
    self.init(service: container.service, number: container.number, name: container.name, id: container.id)
  }
}
