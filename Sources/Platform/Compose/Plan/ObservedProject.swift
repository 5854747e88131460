extension ComposeProject {
  /// A project as its containers' labels tell it, for what is done where its files are not at hand: the services that have
  /// containers, what they need, and their images.
  ///
  /// Labels that contradict each other, so that services would need each other, count for nothing: nothing is left out.
  public init(name: String, observed containers: [ObservedContainer]) {
    self.init(name: name, directory: "")
    let all = Dictionary(grouping: containers.filter { !$0.service.isEmpty }, by: \.service)
    services = all.keys.sorted().map { key in
      var service = ComposeService(name: key)
      let own = all[key] ?? []
      let newest = own.filter { !$0.isOneOff }.max { $0.number < $1.number } ?? own.first
      service.replicas = own.count { !$0.isOneOff }
      if let image = newest?.imageName, image != "\(name)-\(key)", image != "\(name)-\(key):latest" {
        service.image = image
      }
      service.dependencies = Self.dependencies(newest?.dependsOn ?? "").filter { all[$0.service] != nil }
      return service
    }
    if (try? ComposeGraph(services).requireNoCycle()) == nil {
      for index in services.indices { services[index].dependencies = [] }
    }
  }

  /// `db:service_healthy:false,redis:service_started:true`; what is not of this form is left out.
  static func dependencies(_ label: String) -> [ComposeDependency] {
    label.split(separator: ",").compactMap { entry in
      let parts = entry.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
      guard let name = parts.first, !name.isEmpty else { return nil }
      let condition = parts.count > 1 ? ComposeDependency.Condition(rawValue: parts[1]) : .started
      guard let condition else { return nil }
      return ComposeDependency(name, condition: condition, restart: parts.count > 2 && parts[2] == "true")
    }
  }
}
