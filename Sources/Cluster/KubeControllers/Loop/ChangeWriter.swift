import HTTPServing
import KubeMachinery

/// Carries changes out through the same service that serves clients, and asks it what controllers want to know.
struct ChangeWriter: Sendable {
  /// How a change ended.
  enum Outcome: Sendable {
    /// At a revision.
    case done(ResourceName, revision: Int64, name: String)
    case gone(ObjectKey, uid: String)
    /// Nothing is left to be done: what was to be changed is not there any more, or its namespace is on its way out.
    case moot
    /// Others were quicker.
    case conflict
    case refused(Refusal)
    /// The store failed; it may have been done nevertheless.
    case unsure(ResourceName, String)
  }

  static let maxAnswers = 500

  let service: ObjectService
  /// Who is noted as the owner of the fields.
  let fieldManager: String
  let now: @Sendable () -> Timestamp

  private var options: WriteOptions {
    var options = WriteOptions()
    options.fieldManager = fieldManager
    options.fieldValidation = .ignore
    return options
  }

  func carryOut(_ change: Change) async -> Outcome {
    do {
      switch change.action {
      case .create(let resource, let object): return try await create(resource, object)
      case .patch(let target, let patch): return try await self.patch(target, .whole, patch)
      case .patchStatus(let target, let patch): return try await self.patch(target, .status, patch)
      case .replaceStatus(let target, let status): return try await replaceStatus(target, status)
      case .delete(let target, let propagation, let grace): return try await delete(target, propagation, grace)
      case .bind(let target, let node):
        return try await amend(target) { [now] pod in try Self.bind(&pod, to: node, at: now()) }
      case .finalize(let target, let finalizers):
        return try await amend(target) { object in
          object["spec"] = ["finalizers": .array(finalizers.map { .string($0) })]
        }
      }
    } catch let error as StatusError {
      return Self.outcome(of: error, change.action)
    } catch {
      return .unsure(change.action.resource, "\(error)")
    }
  }

  private static func outcome(of error: StatusError, _ action: Change.Action) -> Outcome {
    let isLeaving = error.details?.causes.contains { $0.reason == "NamespaceTerminating" } ?? false
    if isLeaving { return .moot }
    switch (action, error.code) {
    case (.create, 404), (.create, 409): return .refused(Refusal(verb: .create, message: error.message))
    case (_, 404): return .moot
    case (_, 409): return .conflict
    case (.create, _): return .refused(Refusal(verb: .create, message: error.message))
    case (.delete, _): return .refused(Refusal(verb: .delete, message: error.message))
    default: return .refused(Refusal(verb: .change, message: error.message))
    }
  }

  private func kind(_ resource: ResourceName) throws -> Kind {
    guard let kind = service.catalog.kind(resource) else { throw StatusError.notFound(resource, "") }
    return kind
  }

  private func create(_ resource: ResourceName, _ object: JSONValue) async throws -> Outcome {
    let kind = try kind(resource)
    return try Self.done(
      resource, try await service.create(kind, in: object.meta.namespace, object, options, at: now()).document)
  }

  private func patch(_ target: Target, _ part: ObjectService.Part, _ patch: JSONValue) async throws -> Outcome {
    let kind = try kind(target.key.resource)
    var patch = patch
    var meta = patch.meta
    meta.uid = target.uid
    if let revision = target.revision { meta.resourceVersion = String(revision) }
    patch.meta = meta
    return try Self.done(
      target.key.resource,
      try await service.patch(
        kind, in: target.key.namespace, target.key.name, part, .merge, patch, options, at: now()
      ).document)
  }

  private func replaceStatus(_ target: Target, _ status: JSONValue) async throws -> Outcome {
    let kind = try kind(target.key.resource)
    var meta = ObjectMeta()
    meta.name = target.key.name
    meta.namespace = target.key.namespace
    meta.uid = target.uid
    if let revision = target.revision { meta.resourceVersion = String(revision) }
    return try Self.done(
      target.key.resource,
      try await service.update(
        kind, in: target.key.namespace, target.key.name, .status, ["metadata": meta.document, "status": status],
        options,
        at: now()
      ).document)
  }

  private func delete(
    _ target: Target, _ propagation: DeleteOptions.Propagation?, _ graceSeconds: Int64?
  ) async throws -> Outcome {
    let kind = try kind(target.key.resource)
    var options = DeleteOptions()
    options.uid = target.uid
    options.resourceVersion = target.revision.map { String($0) }
    options.propagation = propagation
    options.gracePeriodSeconds = graceSeconds
    switch try await service.delete(kind, in: target.key.namespace, target.key.name, options, at: now()) {
    case .gone(_, let uid): return .gone(target.key, uid: uid)
    case .waits(let document): return try Self.done(target.key.resource, document)
    }
  }

  private func amend(
    _ target: Target, _ change: @escaping @Sendable (inout JSONValue) throws -> Void
  ) async throws -> Outcome {
    let kind = try kind(target.key.resource)
    let result = try await service.amend(
      kind, in: target.key.namespace, target.key.name, options, at: now()
    ) { object in
      guard object.meta.uid == target.uid,
        target.revision.map({ String($0) == object.meta.resourceVersion }) ?? true
      else { throw StatusError.modified(kind.resource, target.key.name) }
      var object = object
      try change(&object)
      return object
    }
    return try Self.done(target.key.resource, result.document)
  }

  /// Gives a pod its node. Source: Kubernetes API reference, *Binding*.
  private static func bind(_ pod: inout JSONValue, to node: String, at now: Timestamp) throws {
    let name = pod.meta.name
    func refuse(_ reason: String) -> StatusError { .conflict(.pods, name, reason) }
    guard pod.meta.deletionTimestamp == nil else {
      throw refuse("pod \(name) is being deleted, cannot be assigned to a host")
    }
    let assigned = pod.textAt("spec", "nodeName")
    guard assigned.isEmpty else { throw refuse("pod \(name) is already assigned to node \"\(assigned)\"") }
    pod["spec"]?["nodeName"] = .string(node)
    var status = pod["status"] ?? [:]
    status.setCondition("PodScheduled", "True", reason: "", message: "", at: now)
    pod["status"] = status
  }

  private static func done(_ resource: ResourceName, _ document: [UInt8]) throws -> Outcome {
    let meta = try JSONParser.parse(checked: document).meta
    return .done(resource, revision: Int64(meta.resourceVersion) ?? 0, name: meta.name)
  }

  // MARK: questions

  func answer(_ questions: [Question]) async throws -> [Question: [ClusterObject]] {
    var answers: [Question: [ClusterObject]] = [:]
    for question in questions {
      switch question {
      case .object(let key):
        guard let kind = service.catalog.kind(key.resource), let stored = try await service.store.get(key) else {
          answers[question] = []
          continue
        }
        answers[question] = [try ClusterObject(stored, kind: kind)]
      case .contents(let namespace):
        var found: [ClusterObject] = []
        for kind in service.catalog.kinds where kind.isNamespaced && kind.verbs.contains("delete") {
          found += try await list(kind, in: namespace, keepsWhole: false)
        }
        answers[question] = found
      case .objects(let resource, let moment):
        answers[question] = try await list(try kind(resource), in: nil, keepsWhole: true) { $0.lastSeen < moment }
      }
    }
    return answers
  }

  /// The first ones that are wanted, about `maxAnswers` at most.
  private func list(
    _ kind: Kind, in namespace: String?, keepsWhole: Bool, where isWanted: (ClusterObject) -> Bool = { _ in true }
  ) async throws -> [ClusterObject] {
    var options = ListOptions()
    options.limit = Self.maxAnswers
    options.byteLimit = ListRequest.pageBytes
    var found: [ClusterObject] = []
    while true {
      let page = try await service.list(kind, in: namespace, options)
      found += try page.objects.map { try ClusterObject($0, kind: kind, keepsWhole: keepsWhole) }.filter(isWanted)
      guard !page.continueToken.isEmpty, found.count < Self.maxAnswers else { return found }
      options.continueToken = try ContinueToken(parsing: page.continueToken)
    }
  }
}

extension Change.Action {
  var resource: ResourceName {
    switch self {
    case .create(let resource, _): resource
    case .patch(let target, _), .patchStatus(let target, _), .replaceStatus(let target, _), .delete(let target, _, _),
      .bind(let target, _), .finalize(let target, _):
      target.key.resource
    }
  }
}
