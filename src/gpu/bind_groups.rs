//! Bind groups by what they bind: a forward pass of fixed shape meets the same buffers of the pool again and again.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What a bind group is made of.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Key {
    layout: wgpu::BindGroupLayout,
    resources: Vec<Resource>,
}

#[derive(Debug, PartialEq, Eq, Hash)]
enum Resource {
    Buffer(wgpu::Buffer, u64, Option<wgpu::BufferSize>),
    Texture(wgpu::TextureView),
}

/// Groups that are kept; when there are more, they are forgotten.
const MOST: usize = 4096;

/// Bind groups of a device. One that is kept keeps its buffers and textures alive.
#[derive(Debug, Default)]
pub(super) struct BindGroups(Mutex<HashMap<Key, wgpu::BindGroup>>);

impl BindGroups {
    /// The bind group of these entries, which are bound in order.
    pub(super) fn get(
        &self,
        device: &wgpu::Device,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> wgpu::BindGroup {
        let make = || device.create_bind_group(&wgpu::BindGroupDescriptor { label: None, layout, entries });
        let resources: Option<Vec<Resource>> = entries.iter().map(resource).collect();
        let Some(resources) = resources else { return make() };
        let mut groups = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if groups.len() >= MOST {
            groups.clear();
        }
        groups.entry(Key { layout: layout.clone(), resources }).or_insert_with(make).clone()
    }

    /// Forgets all, and so lets go of their buffers.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn resource(entry: &wgpu::BindGroupEntry<'_>) -> Option<Resource> {
    match &entry.resource {
        wgpu::BindingResource::Buffer(b) => Some(Resource::Buffer(b.buffer.clone(), b.offset, b.size)),
        wgpu::BindingResource::TextureView(view) => Some(Resource::Texture((*view).clone())),
        _ => None,
    }
}
