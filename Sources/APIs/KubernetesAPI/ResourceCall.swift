import HTTPServing
import KubeMachinery

/// One request for objects of a kind.
struct ResourceCall: Sendable {
  let api: KubernetesAPI
  let request: HTTPRequest
  let requester: Requester
  let kind: Kind
  let address: ResourceAddress
  let answer: ObjectAnswer

  private var service: ObjectService { api.service }
  private var userAgent: String { request.headers.first(name: "User-Agent") ?? "" }

  /// Throws `StatusError`.
  func answer() async throws -> HTTPResponse {
    let verb = try verb()
    if let name = address.subresource {
      guard let subresource = kind.subresource(name) else { return Answers.pageNotFound }
      guard subresource.verbs.contains(verb.rawValue) else { throw StatusError.methodNotAllowed }
      switch subresource.purpose {
      case .status: break
      case .scale(let paths): return try await scale(paths, verb)
      case .other where PodStreamCall.actions.contains(name):
        return try await PodStreamCall(
          api: api, request: request, user: requester.name, kind: kind, namespace: namespace, name: self.name,
          action: name
        ).answer()
      case .other where name == "log":
        guard let place = api.streams.take(requester.name) else { throw StatusError.tooManyRequests }
        return try await PodLogCall(api: api, request: request, kind: kind, namespace: namespace, name: self.name)
          .answer().holding(place)
      case .other: return try await own(name)
      }
    } else {
      guard kind.verbs.contains(verb.rawValue) else { throw StatusError.methodNotAllowed }
      switch kind.origin {
      case .store: break
      case .question: return try await review()
      case .measurement:
        let call = MeasurementCall(api: api, kind: kind, answer: answer)
        guard verb == .get else { return json(try await call.list(address.namespace, request.query)) }
        return json(try await call.get(namespace, name))
      }
    }
    switch verb {
    case .get: return try await get()
    case .list: return try await list()
    case .watch: return try await watch()
    case .create: return try await create()
    case .update: return try await update()
    case .patch: return try await patch()
    case .delete: return try await delete()
    case .deletecollection: return try await list(deleting: try await deleteOptions())
    }
  }

  /// Throws `StatusError` (405) for methods that addresses of this form do not have.
  private func verb() throws -> ResourceVerb {
    let verb = ResourceVerb(request, address)
    let hasName = address.name != nil
    let fits =
      switch request.method {
      case .GET, .HEAD: true
      case .POST: !hasName || address.subresource != nil
      case .PUT, .PATCH: hasName
      case .DELETE: true
      default: false
      }
    // Into which namespace, and out of which, has to be said.
    let isVague = kind.isNamespaced && address.namespace == nil && (verb == .create || verb == .deletecollection)
    guard fits, !isVague else { throw StatusError.methodNotAllowed }
    return verb
  }

  private var name: String { address.name ?? "" }
  private var namespace: String { address.namespace ?? "" }
  private var part: ObjectService.Part { address.subresource == "status" ? .status : .whole }

  private func json(_ bytes: [UInt8], status: HTTPStatus = .ok, warnings: [String] = []) -> HTTPResponse {
    Answers.json(bytes, status: status, contentType: answer.negotiation.contentType, warnings: warnings)
  }

  private func json(_ result: WriteResult) throws -> HTTPResponse {
    let status: HTTPStatus = result.isCreated ? .created : .ok
    if case .object = answer.negotiation.form {
      return json(result.document + [10], status: status, warnings: result.warnings)
    }
    let value = try JSONParser.parse(checked: result.document)
    let object = StoredObject(
      key: ObjectKey(kind.resource, namespace: namespace, name: value.meta.name),
      revision: Int64(value.meta.resourceVersion) ?? 0, attributes: ObjectAttributes(), document: result.document)
    return json(try answer.bytes(object), status: status, warnings: result.warnings)
  }

  // MARK: reading

  private func get() async throws -> HTTPResponse {
    let object = try await service.get(
      kind, in: namespace, name, notOlderThan: ListOptions.revision(request.query["resourceVersion"]))
    return json(try answer.bytes(object))
  }

  private func watch() async throws -> HTTPResponse {
    var options = try ListOptions(request.query, kind: kind)
    options.byteLimit = api.bounds.pageBytes
    let watch: ObjectWatch
    do {
      watch = try await service.watch(kind, in: address.namespace, options)
    } catch let error as StatusError where error.code == 410 {
      var line = JSONValue.object([("type", "ERROR"), ("object", error.document)]).encoded()
      line.append(10)
      return json(line)
    }
    let place = try initialPlace(watch)
    let longest = api.bounds.watchSeconds
    let seconds = min(longest, max(1, options.timeoutSeconds ?? Int64.random(in: longest / 2...longest)))
    let stream = WatchStream(answer: answer, writeMilliseconds: api.bounds.watchWriteMilliseconds, share: share)
    return HTTPResponse(
      headers: ["Content-Type": answer.negotiation.contentType],
      body: .stream { [api] writer in
        guard api.openWatches.take() else {
          let line = JSONValue.object([("type", "ERROR"), ("object", StatusError.tooManyRequests.document)]).encoded()
          return try await writer.write(line + [10])
        }
        defer { api.openWatches.giveBack() }
        try await withTaskExecutorPreference(api.watchExecutor) {
          try await stream.run(watch, holding: place, to: writer, seconds: seconds) { api.areWatchesEnding }
        }
      })
  }

  // MARK: what is no object of its own

  private func review() async throws -> HTTPResponse {
    let body = try await RequestDocument.read(request, schema: schema)
    let call = ReviewCall(api: api, requester: requester, kind: kind, namespace: namespace)
    return plain(try await call.answer(body, try writeOptions("CreateOptions"), request.remoteAddress))
  }

  private func own(_ subresource: String) async throws -> HTTPResponse {
    let body = try await RequestDocument.optional(request, schema: schema) ?? .object([])
    let call = SubresourceCall(api: api, requester: requester, kind: kind, namespace: namespace, name: name)
    return plain(try await call.answer(subresource, body, try writeOptions("CreateOptions")))
  }

  private func scale(_ paths: ScalePaths, _ verb: ResourceVerb) async throws -> HTTPResponse {
    guard verb != .get else {
      return json(try answer.bytes(scale: try await service.scale(kind, in: namespace, name, paths)))
    }
    var form: PatchForm?
    if verb == .patch { form = try patchForm() }
    let mediaTypes = form.map { [$0.rawValue] } ?? RequestDocument.mediaTypes
    let body = try await RequestDocument.read(request, accepting: mediaTypes, schema: schema)
    let options = try writeOptions(verb == .patch ? "PatchOptions" : "UpdateOptions")
    return plain(try await service.updateScale(kind, in: namespace, name, paths, form, body, options, at: api.now()))
  }

  /// In no other form than its own.
  private func plain(_ result: WriteResult) -> HTTPResponse {
    json(result.document + [10], status: result.isCreated ? .created : .ok, warnings: result.warnings)
  }

  // MARK: changing

  private var admission: Admission { Admission(requester: requester, gate: api.gate, kind: kind) }

  private func schema(_ name: KindName) -> ObjectSchema? {
    name.kind == "DeleteOptions"
      ? MachinerySchemas.deleteOptions : service.catalog[name]?.schema ?? api.subresourceSchemas[name]
  }

  private func writeOptions(_ kind: String) throws -> WriteOptions {
    var options = try WriteOptions(request.query, kind: kind, userAgent: userAgent)
    options.admit = admission.check
    return options
  }

  /// Who changes roles finds them changed.
  private func written(_ result: WriteResult) async throws -> HTTPResponse {
    try await api.gate.access.reload(kind)
    return try json(result)
  }

  private func create() async throws -> HTTPResponse {
    let body = try await RequestDocument.read(request, schema: schema)
    let options = try writeOptions("CreateOptions")
    return try await written(try await service.create(kind, in: namespace, body, options, at: api.now()))
  }

  private func update() async throws -> HTTPResponse {
    let body = try await RequestDocument.read(request, schema: schema)
    let options = try writeOptions("UpdateOptions")
    return try await written(try await service.update(kind, in: namespace, name, part, body, options, at: api.now()))
  }

  private func patch() async throws -> HTTPResponse {
    let form = try patchForm()
    let body = try await RequestDocument.read(request, accepting: [form.rawValue], schema: schema)
    var options = try writeOptions("PatchOptions")
    if form == .apply { options.admit = admission.checkOfApply(in: namespace) }
    return try await written(
      try await service.patch(kind, in: namespace, name, part, form, body, options, at: api.now()))
  }

  private func patchForm() throws -> PatchForm {
    guard let form = PatchForm(rawValue: RequestDocument.mediaType(request) ?? "") else {
      throw RequestDocument.unsupported(PatchForm.allCases.map(\.rawValue))
    }
    return form
  }

  private func deleteOptions() async throws -> DeleteOptions {
    try DeleteOptions(request.query, body: try await RequestDocument.optional(request, schema: schema))
  }

  private func delete() async throws -> HTTPResponse {
    let options = try await deleteOptions()
    try admission.checkDeletion(of: name)
    let deletion = try await service.delete(kind, in: namespace, name, options, at: api.now())
    try await api.gate.access.reload(kind)
    switch deletion {
    case .gone(let name, let uid): return Answers.json(Answers.success(name: name, uid: uid, kind: kind))
    case .waits(let document): return json(document + [10])
    }
  }
}
