import KubeMachinery

/// Volumes of storage systems. They are declared so that documents with them are read; nodes mount none of them.
extension ObjectSchema {
  static let gcePersistentDiskVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.GCEPersistentDiskVolumeSource", "A disk of Google Compute Engine.",
    fields: [
      Field("pdName", .string(), "Name of the disk.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("partition", .integer(bits: 32), "Partition to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let awsElasticBlockStoreVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.AWSElasticBlockStoreVolumeSource", "A disk of AWS.",
    fields: [
      Field("volumeID", .string(), "Id of the volume.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("partition", .integer(bits: 32), "Partition to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let gitRepoVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.GitRepoVolumeSource", "A git repository; deprecated.",
    fields: [
      Field("repository", .string(), "Address of the repository.", isRequired: true),
      Field("revision", .string(), "Commit to check out."),
      Field("directory", .string(), "Folder to clone into."),
    ])

  static let nfsVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.NFSVolumeSource", "A share of an NFS server.",
    fields: [
      Field("server", .string(), "Host name or address of the server.", isRequired: true),
      Field("path", .string(), "Exported path.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let iscsiVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ISCSIVolumeSource", "A disk over iSCSI.",
    fields: [
      Field("targetPortal", .string(), "Address of the target, with its port.", isRequired: true),
      Field("iqn", .string(), "Name of the target.", isRequired: true),
      Field("lun", .integer(bits: 32), "Number of the disk at the target.", isRequired: true),
      Field("iscsiInterface", .string(), "Interface that reaches the target.", default: "default"),
      Field("fsType", .string(), "File system to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("portals", .list(.string(), .atomic), "More addresses of the target."),
      Field("chapAuthDiscovery", .boolean, "Whether discovery authenticates by CHAP."),
      Field("chapAuthSession", .boolean, "Whether the session authenticates by CHAP."),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
      Field("initiatorName", .string(), "Name of the initiator."),
    ])

  static let glusterfsVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.GlusterfsVolumeSource", "A GlusterFS volume.",
    fields: [
      Field("endpoints", .string(), "Name of the endpoints that list the servers.", isRequired: true),
      Field("path", .string(), "Path of the volume.", isRequired: true, allowsEmpty: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let rbdVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.RBDVolumeSource", "A Ceph block device.",
    fields: [
      Field("monitors", .list(.string(), .atomic), "Addresses of the monitors.", isRequired: true, allowsEmpty: true),
      Field("image", .string(), "Name of the image.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("pool", .string(), "Pool that holds it.", default: "rbd"),
      Field("user", .string(), "User to connect as.", default: "admin"),
      Field("keyring", .string(), "Path of the keyring.", default: "/etc/ceph/keyring"),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let flexVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.FlexVolumeSource", "A volume of an external driver.",
    fields: [
      Field("driver", .string(), "Name of the driver.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("options", .map(.string()), "Settings for the driver."),
    ])

  static let cinderVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.CinderVolumeSource", "A disk of OpenStack.",
    fields: [
      Field("volumeID", .string(), "Id of the volume.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
    ])

  static let cephFSVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.CephFSVolumeSource", "A Ceph file system.",
    fields: [
      Field("monitors", .list(.string(), .atomic), "Addresses of the monitors.", isRequired: true),
      Field("path", .string(), "Folder to mount."),
      Field("user", .string(), "User to connect as."),
      Field("secretFile", .string(), "Path of the key ring of the user."),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let flockerVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.FlockerVolumeSource", "A Flocker dataset.",
    fields: [
      Field("datasetName", .string(), "Name of the dataset."),
      Field("datasetUUID", .string(), "Uuid of the dataset."),
    ])

  static let fcVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.FCVolumeSource", "A disk over fibre channel.",
    fields: [
      Field("targetWWNs", .list(.string(), .atomic), "World wide names of the target."),
      Field("lun", .integer(bits: 32), "Number of the disk at the target."),
      Field("fsType", .string(), "File system to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("wwids", .list(.string(), .atomic), "World wide ids of the disk."),
    ])

  static let azureFileVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.AzureFileVolumeSource", "A file share of Azure.",
    fields: [
      Field("secretName", .string(), "Name of the secret.", isRequired: true),
      Field("shareName", .string(), "Name of the share.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let vsphereVirtualDiskVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.VsphereVirtualDiskVolumeSource", "A disk of vSphere.",
    fields: [
      Field("volumePath", .string(), "Path of the disk.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("storagePolicyName", .string(), "Name of the storage policy."),
      Field("storagePolicyID", .string(), "Id of the storage policy."),
    ])

  static let quobyteVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.QuobyteVolumeSource", "A Quobyte volume.",
    fields: [
      Field("registry", .string(), "Addresses of the registries.", isRequired: true),
      Field("volume", .string(), "Name of the volume.", isRequired: true),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("user", .string(), "User to connect as."),
      Field("group", .string(), "Group to map access to."),
      Field("tenant", .string(), "Tenant that owns the volume."),
    ])

  static let azureDiskVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.AzureDiskVolumeSource", "A disk of Azure.",
    fields: [
      Field("diskName", .string(), "Name of the disk.", isRequired: true),
      Field("diskURI", .string(), "Address of the disk.", isRequired: true),
      Field(
        "cachingMode", .string(allowed: ["None", "ReadOnly", "ReadWrite"]), "How the host caches.", default: "ReadWrite"
      ),
      Field("fsType", .string(), "File system to mount.", default: "ext4"),
      Field("readOnly", .boolean, "Whether writing is refused.", default: false),
      Field("kind", .string(allowed: ["Shared", "Dedicated", "Managed"]), "How the disk is kept.", default: "Shared"),
    ])

  static let photonPersistentDiskVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PhotonPersistentDiskVolumeSource", "A disk of Photon.",
    fields: [
      Field("pdID", .string(), "Id of the disk.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
    ])

  static let portworxVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.PortworxVolumeSource", "A Portworx volume.",
    fields: [
      Field("volumeID", .string(), "Id of the volume.", isRequired: true),
      Field("fsType", .string(), "File system to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let scaleIOVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.ScaleIOVolumeSource", "A ScaleIO volume.",
    fields: [
      Field("gateway", .string(), "Address of the gateway.", isRequired: true),
      Field("system", .string(), "Name of the system.", isRequired: true),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials.", isRequired: true),
      Field("sslEnabled", .boolean, "Whether to connect by TLS."),
      Field("protectionDomain", .string(), "Name of the protection domain."),
      Field("storagePool", .string(), "Pool of the protection domain."),
      Field("storageMode", .string(), "Thick or thin.", default: "ThinProvisioned"),
      Field("volumeName", .string(), "Name of the volume."),
      Field("fsType", .string(), "File system to mount.", default: "xfs"),
      Field("readOnly", .boolean, "Whether writing is refused."),
    ])

  static let storageOSVolumeSource: ObjectSchema = ObjectSchema(
    "io.k8s.api.core.v1.StorageOSVolumeSource", "A StorageOS volume.",
    fields: [
      Field("volumeName", .string(), "Name of the volume."),
      Field("volumeNamespace", .string(), "Scope of the volume's name."),
      Field("fsType", .string(), "File system to mount."),
      Field("readOnly", .boolean, "Whether writing is refused."),
      Field("secretRef", .object(.localObjectReference), "Secret with the credentials."),
    ])
}
